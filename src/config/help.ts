import { columns, type HelpRow } from '../kit/arguments/columns.js';
import { COMMANDS, commandWords } from './commands.js';
import { describeGatewayKeys } from './describe.js';

const LEFT = 32;
const WIDTH = 110;

/** The text of `openshell-gateway --help`, at most 110 columns wide. */
export function helpText(): string {
  const commands = COMMANDS.map((command): HelpRow => {
    const words = [commandWords(command), command.operand, command.json && '[--json]'];
    return { left: words.filter(Boolean).join(' '), text: command.doc };
  });
  const flags = describeGatewayKeys()
    .filter((key) => key.flags.length > 0)
    .map(
      ({ flags, env, default: fallback, doc, type }): HelpRow => ({
        left: `${flags.join(', ')}${placeholder(type)}`,
        text: doc,
        notes: [env, fallback === '' ? undefined : `default ${fallback}`],
      }),
    );
  return [
    'Usage: openshell-gateway [COMMAND] [FLAG]...',
    '',
    'Commands:',
    ...columns(commands, LEFT, WIDTH),
    '',
    'Flags win over the environment, that over the file, the file over the defaults:',
    ...columns(flags, LEFT, WIDTH),
    '',
    'Every other key stands in the file alone; docs/configuration.md lists them all.',
    '',
  ].join('\n');
}

function placeholder(type: string): string {
  if (type === 'boolean') {
    return '';
  }
  if (type.startsWith('integer')) {
    return ' <n>';
  }
  return type.startsWith('list') ? ' <name,...>' : ' <text>';
}
