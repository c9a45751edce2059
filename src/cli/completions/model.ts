import { type CommandNode, type Completion, isGroup, type OptionSpecs } from '../arguments/command.js';
import { GLOBAL_OPTIONS } from '../arguments/options.js';

export interface CompletedOption {
  /** As typed: `--name`, and `-n` when it has a short form. */
  readonly flags: readonly string[];
  readonly takesWord: boolean;
  readonly choices: readonly string[];
  readonly completes: Completion;
  readonly help: string;
}

export interface CompletedPlace {
  /** The words of the command so far, joined by spaces; empty for `openshell` itself. */
  readonly path: string;
  /** Sub-commands, or the fixed values of the argument. */
  readonly words: readonly { readonly word: string; readonly help: string }[];
  /** Names to ask the gateway for. */
  readonly completes: Completion;
  readonly options: readonly CompletedOption[];
}

/** The command tree as the completion scripts need it: one entry for each place that the cursor can be in. */
export function completedPlaces(commands: readonly CommandNode[]): CompletedPlace[] {
  return [
    {
      path: '',
      words: subcommands(commands),
      completes: 'none',
      options: [...completedOptions(GLOBAL_OPTIONS), versionOption],
    },
    ...commands.flatMap((node) => placesOf(node, [])),
  ];
}

/** Other names of groups, e.g. `sb`, with the name they stand for. */
export function aliases(commands: readonly CommandNode[]): (readonly [alias: string, name: string])[] {
  return commands.flatMap((node) =>
    isGroup(node) ? node.aliases.map((alias) => [alias, node.name] as const) : [],
  );
}

/** The options whose value is the next word: a completion script must not mistake the value for a command. */
export function valueFlags(commands: readonly CommandNode[]): string[] {
  const flags = completedPlaces(commands).flatMap(({ options }) =>
    options.filter(({ takesWord }) => takesWord).flatMap((option) => option.flags),
  );
  return [...new Set(flags)];
}

const versionOption: CompletedOption = {
  flags: ['--version', '-V'],
  takesWord: false,
  choices: [],
  completes: 'none',
  help: 'show the version',
};

function placesOf(node: CommandNode, above: readonly string[]): CompletedPlace[] {
  const words = [...above, node.name];
  const path = words.join(' ');
  if (isGroup(node)) {
    const options = completedOptions(GLOBAL_OPTIONS);
    const place: CompletedPlace = { path, words: subcommands(node.commands), completes: 'none', options };
    return [place, ...node.commands.flatMap((command) => placesOf(command, words))];
  }
  const options = completedOptions({ ...node.options, ...GLOBAL_OPTIONS });
  const choices = (node.positional?.choices ?? []).map((word) => ({ word, help: '' }));
  return [{ path, words: choices, completes: node.positional?.completes ?? 'none', options }];
}

function subcommands(nodes: readonly CommandNode[]): { word: string; help: string }[] {
  return nodes.map(({ name, summary }) => ({ word: name, help: summary }));
}

function completedOptions(specs: OptionSpecs): CompletedOption[] {
  return Object.entries(specs).map(([name, spec]) => ({
    flags: [`--${name}`, ...(spec.short === undefined ? [] : [`-${spec.short}`])],
    takesWord: spec.kind === 'text' || spec.kind === 'list',
    choices: spec.choices ?? [],
    completes: spec.completes ?? 'none',
    help: spec.help,
  }));
}
