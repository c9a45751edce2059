interface Command {
  readonly name: string;
  /** Given as `--name`. */
  readonly option?: true;
  /** It has a JSON form. */
  readonly json?: true;
  /** The one word that follows; without it there is none. */
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
  { name: 'strays', doc: 'List what this gateway made on its engines and no longer knows.' },
  { name: 'backup', operand: 'FILE', doc: 'Copy the database into a new file, also while the gateway runs.' },
  { name: 'version', option: true, json: true, doc: 'Print version, flavor and drivers of this build.' },
  { name: 'help', option: true, doc: 'Print this text.' },
] as const satisfies readonly Command[];

export type CommandName = (typeof TABLE)[number]['name'];

/** What `openshell-gateway` can be told to do. The first is the default. */
export const COMMANDS: readonly (Command & { readonly name: CommandName })[] = TABLE;

/** The words that ask for a command. */
export function commandWords({ name, option }: Command): string {
  return option ? `--${name}` : name;
}
