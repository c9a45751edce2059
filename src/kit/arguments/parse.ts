import { parseArgs } from 'node:util';
import { nearest } from '../nearest.js';

/** How one option is written on a command line. */
export interface OptionSyntax {
  /** `flag` takes no value, `text` one, `list` one each time it is given, `optional` one only as `--x=value`. */
  readonly kind: 'flag' | 'text' | 'list' | 'optional';
  /** Its one letter, for `-x`. */
  readonly short?: string;
  /** Its other long name. */
  readonly alias?: string;
  /** Stands for the value in the help. */
  readonly placeholder?: string;
  readonly choices?: readonly string[];
  /** The value of an `optional` that was given without one; default: `''`. */
  readonly implied?: string;
  /** The next word is its value also when it begins with one dash. */
  readonly dash?: true;
}

/** The options and arguments of one command line. */
export interface Arguments {
  flag(name: string): boolean;
  /** The last value given. */
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  readonly positionals: readonly string[];
  /** What stood after `--`. */
  readonly trailing: readonly string[];
}

interface OptionProblem {
  /** The option as it was typed. */
  readonly option: string;
  /** `needs a value`, for example; undefined when there is no such option. */
  readonly message?: string;
  readonly hint?: string | undefined;
}

/** Splits words into options, arguments and what follows `--`; what is wrong with an option is among the problems. */
export function parseArguments(
  words: readonly string[],
  options: Readonly<Record<string, OptionSyntax>>,
): Arguments & { readonly problems: readonly OptionProblem[] } {
  const known = new Map(
    Object.entries(options).flatMap(([name, syntax]) =>
      [name, syntax.alias ?? name].map((long) => [long, { name, ...syntax }] as const),
    ),
  );
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries([...known].map(([long, syntax]) => [long, parserOption(syntax)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const trailing: string[] = [];
  const problems: OptionProblem[] = [];
  let afterUnknown = false;
  let terminated = false;
  for (const token of tokens) {
    if (token.kind === 'positional' && !afterUnknown) {
      (terminated ? trailing : positionals).push(token.value);
    }
    terminated ||= token.kind === 'option-terminator';
    afterUnknown = false;
    if (token.kind !== 'option') {
      continue;
    }
    const { rawName: option, inlineValue } = token;
    const syntax = known.get(token.name);
    if (syntax === undefined) {
      const meant = nearest(token.name, known.keys());
      problems.push({ option, hint: meant && `did you mean --${meant}?` });
      // The next word may be its value.
      afterUnknown = !inlineValue;
      continue;
    }
    const problem = valueProblem(syntax, option, token.value, inlineValue);
    if (problem === undefined) {
      const value = token.value ?? syntax.implied ?? '';
      values.set(syntax.name, [...(values.get(syntax.name) ?? []), value]);
    } else {
      problems.push({ option, ...problem });
    }
  }
  return {
    flag: (name) => values.has(name),
    text: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
    positionals,
    trailing,
    problems,
  };
}

/** The parser knows no optional values: as a boolean an option takes one behind `=`, and never the next word. */
function parserOption({ kind, short }: OptionSyntax) {
  const type: 'boolean' | 'string' = kind === 'flag' || kind === 'optional' ? 'boolean' : 'string';
  return short === undefined ? { type } : { type, short };
}

function valueProblem(
  { kind, placeholder, choices, dash }: OptionSyntax,
  option: string,
  value: string | undefined,
  inline: boolean | undefined,
): Omit<OptionProblem, 'option'> | undefined {
  if (value === undefined) {
    return kind === 'flag' || kind === 'optional'
      ? undefined
      : { message: 'needs a value', hint: placeholder && `${option} ${placeholder}` };
  }
  if (kind === 'flag') {
    return { message: 'takes no value' };
  }
  if (!inline && value !== '-' && value.startsWith(dash ? '--' : '-')) {
    const hint = `write ${option}=${value} when its value begins with a dash`;
    return { message: 'needs a value', hint };
  }
  if (choices?.includes(value) === false) {
    return { message: `is '${value}'`, hint: `one of: ${choices.join(', ')}` };
  }
  return undefined;
}
