import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearest } from '../kit/nearest.js';
import { COMMANDS, type CommandName } from './commands.js';
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

const SWITCHES: Readonly<Record<string, { readonly type: 'boolean'; readonly short?: string }>> = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
};

/** Every flag, and every other name of one, with its key. */
function flagNames(): ReadonlyMap<string, KeyName> {
  return new Map(
    KEY_NAMES.flatMap((name) => {
      const { flag, alias } = gatewayKey(name);
      return [flag, alias]
        .filter((word) => word !== undefined)
        .map((word): [string, KeyName] => [word, name]);
    }),
  );
}

/**
 * Parses the arguments after the program's name. `--help` wins over `--version`, both over a command.
 *
 * @throws OpenShellError INVALID_ARGUMENT with reason `InvalidUsage`; its message lists every problem
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const names = flagNames();
  function isSwitch(name: KeyName): boolean {
    return gatewayKey(name).setting.type === 'boolean';
  }

  const options: NonNullable<ParseArgsConfig['options']> = { ...SWITCHES };
  for (const [word, name] of names) {
    options[word] = { type: isSwitch(name) ? 'boolean' : 'string' };
  }

  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<KeyName, string[]>();
  const switches = new Set<string>();
  const words: string[] = [];
  const problems: Problem[] = [];
  function complain(place: string, message: string): void {
    problems.push({ place, message });
  }

  let afterUnknown = false;
  for (const token of tokens) {
    // The word behind an unknown flag may be its value, so it is not judged as a command.
    if (token.kind === 'positional' && !afterUnknown) {
      words.push(token.value);
    }
    afterUnknown = false;
    if (token.kind !== 'option') {
      continue;
    }
    const name = names.get(token.name);
    if (name !== undefined) {
      const value = token.value ?? (isSwitch(name) ? 'true' : undefined);
      const looksLikeFlag = !token.inlineValue && value?.startsWith('--');
      if (value === undefined || looksLikeFlag) {
        complain(token.rawName, 'needs a value');
      } else {
        flags.set(name, [...(flags.get(name) ?? []), value]);
      }
    } else if (!Object.hasOwn(SWITCHES, token.name)) {
      const suggestion = nearest(token.name, [...names.keys(), ...Object.keys(SWITCHES)]);
      const meant = suggestion === undefined ? '; --help lists them' : `; did you mean --${suggestion}?`;
      complain(token.rawName, `unknown flag${meant}`);
      afterUnknown = !token.inlineValue;
    } else if (token.value !== undefined) {
      complain(token.rawName, 'takes no value');
    } else {
      switches.add(token.name);
    }
  }
  const command = findCommand(words, switches, complain);
  const json = switches.has('json');
  if (json && command !== undefined && !command.json) {
    complain('--json', `${quote(command.name)} has no JSON form`);
  }
  if (command === undefined || problems.length > 0) {
    throw problemsError('InvalidUsage', problems);
  }
  const operand = 'operand' in command ? words[command.words.length] : undefined;
  return { command: command.name, json, operand, flags };
}

function findCommand(
  words: readonly string[],
  switches: ReadonlySet<string>,
  complain: (place: string, message: string) => void,
): (typeof COMMANDS)[number] | undefined {
  const asked = switches.has('help') ? ['--help'] : switches.has('version') ? ['--version'] : words;
  if (asked.length === 0) {
    return COMMANDS[0];
  }
  const text = asked.join(' ');
  const command = COMMANDS.find(
    (candidate) =>
      candidate.words.join(' ') === text ||
      ('operand' in candidate && candidate.words.join(' ') === asked.slice(0, -1).join(' ')),
  );
  if (command !== undefined && 'operand' in command && asked.length === command.words.length) {
    complain(quote(text), `needs a ${command.operand}`);
  }
  if (command === undefined) {
    const spoken: string[] = COMMANDS.filter(({ words: [first] }) => !first.startsWith('--')).map(
      ({ name }) => name,
    );
    const suggestion = nearest(text, spoken);
    const meant =
      suggestion === undefined ? `; commands: ${spoken.join(', ')}` : `; did you mean ${quote(suggestion)}?`;
    complain(quote(text), `unknown command${meant}`);
  }
  return command;
}
