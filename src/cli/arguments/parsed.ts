/** The options and arguments of one invocation, checked against the command's declaration. */
export interface Arguments {
  flag(name: string): boolean;
  /** The last value given; `''` for an option with an optional value that was given without one. */
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  readonly positionals: readonly string[];
  /** What stood after `--`. */
  readonly trailing: readonly string[];
}

export type OptionValues = ReadonlyMap<string, readonly string[]>;

export function createArguments(
  values: OptionValues,
  positionals: readonly string[],
  trailing: readonly string[],
): Arguments {
  return {
    flag: (name) => values.has(name),
    text: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
    positionals,
    trailing,
  };
}
