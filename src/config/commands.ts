interface Command {
  readonly name: string;
  readonly words: readonly [string, ...string[]];
  readonly json: boolean;
  /** The one word that follows; without it there is none. */
  readonly operand?: string;
  readonly doc: string;
}

/** What `openshell-gateway` can be told to do. The first is the default. */
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
    doc: 'List what this gateway made on its engines and no longer knows.',
  },
  {
    name: 'backup',
    words: ['backup'],
    json: false,
    operand: 'FILE',
    doc: 'Copy the database into a new file, also while the gateway runs.',
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
