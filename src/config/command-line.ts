import { type OptionSyntax, parseArguments } from '../kit/arguments/parse.js';
import { nearest } from '../kit/nearest.js';
import { COMMANDS, type CommandName, commandWords } from './commands.js';
import { gatewayKey, KEY_NAMES, type KeyName } from './keys.js';
import { type Problem, problemsError } from './problem.js';
import { quote } from './value-text.js';
import type { Flags } from './values.js';

export interface CommandLine {
  readonly command: CommandName;
  /** The answer is wanted as JSON. */
  readonly json: boolean;
  /** The word behind a command that takes one. */
  readonly operand: string | undefined;
  readonly flags: Flags;
}

const SWITCHES: Readonly<Record<string, OptionSyntax>> = {
  json: { kind: 'flag' },
  help: { kind: 'flag', short: 'h' },
  version: { kind: 'flag', short: 'V' },
};

function keyOptions(): [flag: string, syntax: OptionSyntax][] {
  return KEY_NAMES.map(gatewayKey).flatMap(({ flag, alias, setting }) => {
    const value: OptionSyntax =
      setting.type === 'boolean' ? { kind: 'optional', implied: 'true' } : { kind: 'list', dash: true };
    return flag === undefined ? [] : [[flag, { ...value, alias }]];
  });
}

/**
 * Parses the arguments after the program's name. `--help` wins over `--version`, both over a command.
 *
 * @throws OpenShellError INVALID_ARGUMENT with reason `InvalidUsage`; its message lists every problem
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const given = parseArguments(argv, { ...Object.fromEntries(keyOptions()), ...SWITCHES });
  const problems: Problem[] = given.problems.map(({ option, message, hint }) => ({
    place: option,
    message: message ?? `unknown flag; ${hint ?? '--help lists them'}`,
  }));
  function complain(place: string, message: string): void {
    problems.push({ place, message });
  }

  const words = [...given.positionals, ...given.trailing];
  const option = ['help', 'version'].find(given.flag);
  const command = findCommand(option === undefined ? words : [`--${option}`], complain);
  const json = given.flag('json');
  if (json && command !== undefined && !command.json) {
    complain('--json', `${quote(command.name)} has no JSON form`);
  }
  if (command === undefined || problems.length > 0) {
    throw problemsError('InvalidUsage', problems);
  }
  const flags = KEY_NAMES.flatMap((name): [KeyName, readonly string[]][] => {
    const { flag } = gatewayKey(name);
    return flag !== undefined && given.flag(flag) ? [[name, given.list(flag)]] : [];
  });
  const operand = command.operand && words.at(-1);
  return { command: command.name, json, operand, flags: new Map(flags) };
}

function findCommand(words: readonly string[], complain: (place: string, message: string) => void) {
  if (words.length === 0) {
    return COMMANDS[0];
  }
  const text = words.join(' ');
  const withoutLast = words.slice(0, -1).join(' ');
  const command = COMMANDS.find(
    (one) => commandWords(one) === text || (one.operand && commandWords(one) === withoutLast),
  );
  if (command?.operand && command.name === text) {
    complain(quote(text), `needs a ${command.operand}`);
  }
  if (command === undefined) {
    const names = COMMANDS.filter(({ option }) => !option).map(({ name }) => name);
    const meant = nearest(text, names);
    const hint = meant === undefined ? `commands: ${names.join(', ')}` : `did you mean ${quote(meant)}?`;
    complain(quote(text), `unknown command; ${hint}`);
  }
  return command;
}
