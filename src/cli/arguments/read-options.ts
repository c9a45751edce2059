import { parseArgs } from 'node:util';
import { nearest } from '../../kit/nearest.js';
import { usageError } from '../failure.js';
import type { OptionSpec, OptionSpecs } from './command.js';
import type { OptionValues } from './parsed.js';

interface ReadOptions {
  readonly values: OptionValues;
  readonly positionals: readonly string[];
  /** What stood after `--`. */
  readonly trailing: readonly string[];
}

/** Splits words into options, arguments and what follows `--`, holding each option to its declaration. */
export function readOptions(
  words: readonly string[],
  specs: OptionSpecs,
  path: readonly string[],
): ReadOptions {
  const options = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, parserOption(spec)]));
  const { tokens } = parseArgs({
    args: withExplicitValues(words, specs),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const trailing: string[] = [];
  let terminated = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') {
      terminated = true;
    } else if (token.kind === 'positional') {
      (terminated ? trailing : positionals).push(token.value);
    } else {
      const value = checkOption(token, specs, path);
      values.set(token.name, [...(values.get(token.name) ?? []), value]);
    }
  }
  return { values, positionals, trailing };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function checkOption(token: OptionToken, specs: OptionSpecs, path: readonly string[]): string {
  const { rawName, value, inlineValue } = token;
  const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
  if (spec === undefined) {
    throw unknownOption(rawName, specs, path);
  }
  if (spec.kind === 'flag') {
    if (value !== undefined) {
      throw usageError(`${rawName} takes no value`);
    }
    return '';
  }
  if (value === undefined) {
    throw usageError(`${rawName} needs a value`, `${rawName} ${spec.placeholder}`);
  }
  if (inlineValue === false && value.startsWith('-') && value.length > 1) {
    throw usageError(
      `${rawName} needs a value`,
      `write ${rawName}=${value} when its value begins with a dash`,
    );
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw usageError(`${rawName} is '${value}'`, `one of: ${spec.choices.join(', ')}`);
  }
  return value;
}

function unknownOption(rawName: string, specs: OptionSpecs, path: readonly string[]): Error {
  const command = ['openshell', ...path].join(' ');
  const meant = nearest(rawName.replace(/^-+/, ''), Object.keys(specs));
  const hint = meant === undefined ? `see ${command} --help` : `did you mean --${meant}?`;
  return usageError(`${command} has no option ${rawName}`, hint);
}

function parserOption(spec: OptionSpec): { type: 'string' | 'boolean'; multiple: true; short?: string } {
  const type = spec.kind === 'flag' ? 'boolean' : 'string';
  return spec.short === undefined ? { type, multiple: true } : { type, multiple: true, short: spec.short };
}

/** `--gpu` becomes `--gpu=`: the parser knows no optional values and would take the next word. */
function withExplicitValues(words: readonly string[], specs: OptionSpecs): string[] {
  const end = words.indexOf('--');
  return words.map((word, at) => {
    const before = end === -1 || at < end;
    return before && word.startsWith('--') && specs[word.slice(2)]?.kind === 'optional' ? `${word}=` : word;
  });
}
