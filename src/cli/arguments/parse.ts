import { type Arguments, parseArguments } from '../../kit/arguments/parse.js';
import { nearest } from '../../kit/nearest.js';
import { usageError } from '../failure.js';
import {
  type CommandGroup,
  type CommandNode,
  type CommandSpec,
  isGroup,
  type OptionSpec,
  type OptionSpecs,
} from './command.js';
import { GLOBAL_OPTIONS } from './options.js';
import { COMMANDS } from './tree.js';

type Invocation =
  | { readonly kind: 'version' }
  /** `of` is undefined for the help of `openshell` itself. */
  | {
      readonly kind: 'help';
      readonly path: readonly string[];
      readonly of: CommandSpec | CommandGroup | undefined;
    }
  | {
      readonly kind: 'run';
      readonly path: readonly string[];
      readonly command: CommandSpec;
      readonly args: Arguments;
    };

/** Before the command is known only the common options can be read: those that take the word after them. */
const TAKES_NEXT_WORD = new Set(
  Object.entries<OptionSpec>(GLOBAL_OPTIONS)
    .filter(([, { kind }]) => kind === 'text')
    .flatMap(([name, { short }]) => [`--${name}`, `-${short}`]),
);

/**
 * Reads a command line (without `node` and the script). Options common to all commands may stand before or after the
 * command's name. Throws a usage error that names the word at fault and, where one is near, the word that was meant.
 */
export function parseCommand(argv: readonly string[]): Invocation {
  const path: string[] = [];
  const seen: string[] = [];
  let level: readonly CommandNode[] = COMMANDS;
  let group: CommandGroup | undefined;

  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string;
    if (word === '--version' || word === '-V') {
      return { kind: 'version' };
    }
    if (word.startsWith('-')) {
      if (word === '--help' || word === '-h') {
        return { kind: 'help', path, of: group };
      }
      seen.push(word);
      if (TAKES_NEXT_WORD.has(word)) {
        seen.push(...argv.slice(++at, at + 1));
      }
      continue;
    }
    if (word === 'help') {
      return helpFor(argv.slice(at + 1).filter((w) => !w.startsWith('-')));
    }
    const node = find(level, word, path);
    path.push(node.name);
    if (!isGroup(node)) {
      return readCommand(node, path, [...seen, ...argv.slice(at + 1)]);
    }
    group = node;
    level = node.commands;
  }
  readOptions(seen, GLOBAL_OPTIONS, path);
  return { kind: 'help', path, of: group };
}

function readCommand(command: CommandSpec, path: readonly string[], words: readonly string[]): Invocation {
  const given = readOptions(words, { ...GLOBAL_OPTIONS, ...command.options }, path);
  if (given.flag('help')) {
    return { kind: 'help', path, of: command };
  }
  const all = [...given.positionals, ...given.trailing];
  const args =
    command.trailing === undefined
      ? { ...given, positionals: checkPositionals(command, path, all), trailing: [] }
      : { ...given, positionals: [], trailing: all };
  return { kind: 'run', path, command, args };
}

function readOptions(words: readonly string[], specs: OptionSpecs, path: readonly string[]): Arguments {
  const { problems, ...given } = parseArguments(words, specs);
  const [problem] = problems;
  if (problem === undefined) {
    return given;
  }
  const { option, message, hint } = problem;
  const command = ['openshell', ...path].join(' ');
  throw message === undefined
    ? usageError(`${command} has no option ${option}`, hint ?? `see ${command} --help`)
    : usageError(`${option} ${message}`, hint);
}

function checkPositionals(
  command: CommandSpec,
  path: readonly string[],
  given: readonly string[],
): readonly string[] {
  const spec = command.positional;
  const name = `openshell ${path.join(' ')}`;
  const excess = spec === undefined ? given[0] : spec.repeated ? undefined : given[1];
  if (excess !== undefined) {
    throw usageError(`${name} does not take '${excess}'`, `see ${name} --help`);
  }
  if (spec?.required && given.length === 0) {
    throw usageError(`${name} needs a ${spec.name}`, `see ${name} --help`);
  }
  const choices = spec?.choices;
  const wrong = choices && given.find((value) => !choices.includes(value));
  if (wrong !== undefined) {
    throw usageError(`${spec?.name} is '${wrong}'`, `one of: ${choices?.join(', ') ?? ''}`);
  }
  if (given.includes('')) {
    throw usageError(`${spec?.name ?? 'an argument'} is empty`);
  }
  return given;
}

function helpFor(words: readonly string[]): Invocation {
  const path: string[] = [];
  let of: CommandNode | undefined;
  for (const word of words) {
    if (of !== undefined && !isGroup(of)) {
      break;
    }
    of = find(of === undefined ? COMMANDS : of.commands, word, path);
    path.push(of.name);
  }
  return { kind: 'help', path, of };
}

function find(level: readonly CommandNode[], word: string, path: readonly string[]): CommandNode {
  const names = new Map(
    level.flatMap((node) => [node.name, ...(isGroup(node) ? node.aliases : [])].map((n) => [n, node])),
  );
  const node = names.get(word);
  if (node !== undefined) {
    return node;
  }
  const meant = nearest(word, names.keys());
  const help = ['openshell', ...path, '--help'].join(' ');
  throw usageError(
    `there is no command '${[...path, word].join(' ')}'`,
    meant === undefined ? `see ${help}` : `did you mean '${[...path, meant].join(' ')}'?`,
  );
}
