import { COMMANDS } from './commands.js';
import { describeGatewayKeys } from './describe.js';

/** The text of `openshell-gateway --help`, at most 110 columns wide. */
export function helpText(): string {
  const commands = COMMANDS.map((command) => ({
    left: [...command.words, ...('operand' in command ? [command.operand] : [])]
      .join(' ')
      .concat(command.json ? ' [--json]' : ''),
    doc: command.doc,
  }));
  const flags = describeGatewayKeys().flatMap(({ flags, env, default: fallback, doc, type }) => {
    if (flags.length === 0) {
      return [];
    }
    const left = type === 'boolean' ? flags.join(', ') : `${flags.join(', ')} <${placeholder(type)}>`;
    const notes = [env, fallback === '' ? undefined : `default ${fallback}`].filter(
      (note) => note !== undefined,
    );
    return [{ left, doc: notes.length === 0 ? doc : `${doc} [${notes.join('; ')}]` }];
  });
  return [
    'Usage: openshell-gateway [COMMAND] [FLAG]...',
    '',
    'Commands:',
    ...commands.flatMap(rows),
    '',
    'Flags win over the environment, that over the file, the file over the defaults:',
    ...flags.flatMap(rows),
    '',
    'Every other key stands in the file alone; docs/configuration.md lists them all.',
    '',
  ].join('\n');
}

const LEFT = 34;
const WIDTH = 110;

function placeholder(type: string): string {
  if (type.startsWith('integer')) {
    return 'n';
  }
  return type.startsWith('list') ? 'name,...' : 'text';
}

function rows({ left, doc }: { left: string; doc: string }): string[] {
  const lines: string[] = [''];
  for (const word of doc.split(' ')) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length > WIDTH - LEFT - 2) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
    }
  }
  const indent = ' '.repeat(LEFT);
  const head = left.length <= LEFT - 2 ? [] : [`  ${left}`];
  const first = head.length === 0 ? left : '';
  return [...head, ...lines.map((line, i) => `  ${i === 0 ? first.padEnd(LEFT) : indent}${line}`)];
}
