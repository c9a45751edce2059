interface Command {
  readonly name: string;
  readonly words: readonly [string, ...string[]];
  readonly json: boolean;
  /** The name of the argument; undefined: none. */
  readonly operand?: string;
  readonly doc: string;
}

/** The commands of `openshell-gateway`. The first is the default. */
export const COMMANDS = [
  { name: 'serve', words: ['serve'], json: false, doc: 'Start the gateway; the default.' },
  {
    name: 'config check',
    words: ['config', 'check'],
    json: false,
    doc: 'Check the configuration without starting.',
  },
  {
    name: 'config show',
    words: ['config', 'show'],
    json: true,
    doc: 'Print the effective configuration and where it came from.',
  },
  {
    name: 'drivers',
    words: ['drivers'],
    json: true,
    doc: 'List all compute drivers and whether this build and this host have them.',
  },
  {
    name: 'strays',
    words: ['strays'],
    json: false,
    doc: 'List resources of this gateway on its engines that are not in its database.',
  },
  {
    name: 'backup',
    words: ['backup'],
    json: false,
    operand: 'FILE',
    doc: 'Copy the database to a new file, even while the gateway runs.',
  },
  {
    name: 'version',
    words: ['--version'],
    json: true,
    doc: 'Print version, flavor and drivers of this build.',
  },
  { name: 'help', words: ['--help'], json: false, doc: 'Print this text.' },
] as const satisfies readonly Command[];

export type CommandName = (typeof COMMANDS)[number]['name'];
