interface Command {
  readonly name: string;
  /** Given as `--name`. */
  readonly option?: true;
  /** It has a JSON form. */
  readonly json?: true;
  /** The name of the argument; undefined: none. */
  readonly operand?: string;
  readonly doc: string;
}

const TABLE = [
  { name: 'serve', doc: 'Start the gateway; the default.' },
  { name: 'config check', doc: 'Check the configuration without starting.' },
  { name: 'config show', json: true, doc: 'Print the effective configuration and where it came from.' },
  {
    name: 'drivers',
    json: true,
    doc: 'List all compute drivers and whether this build and this host have them.',
  },
  { name: 'strays', doc: 'List resources of this gateway on its engines that are not in its database.' },
  { name: 'backup', operand: 'FILE', doc: 'Copy the database to a new file, even while the gateway runs.' },
  { name: 'version', option: true, json: true, doc: 'Print version, flavor and drivers of this build.' },
  { name: 'help', option: true, doc: 'Print this text.' },
] as const satisfies readonly Command[];

export type CommandName = (typeof TABLE)[number]['name'];

/** The commands of `openshell-gateway`. The first is the default. */
export const COMMANDS: readonly (Command & { readonly name: CommandName })[] = TABLE;

/** The words that ask for a command. */
export function commandWords({ name, option }: Command): string {
  return option ? `--${name}` : name;
}
