import { fstatSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { readCount, readEnvironment, readSwitch } from '../arguments/values.js';
import type { Context } from '../context.js';
import { usageError } from '../failure.js';
import { getSandbox, idOf } from '../sandbox/lookup.js';
import { requireReady } from '../sandbox/phase.js';
import { runOnTerminal, runWithInput, runWithoutInput } from '../sandbox/remote-command.js';
import { terminalEnvironment } from '../sandbox/shell.js';

const MAX_TIMEOUT_S = 2 ** 31 - 1;
const STDIN_FD = 0;

export async function run(context: Context): Promise<number> {
  const { args, env, stdin } = context;
  const name = args.text('name');
  if (!name) {
    throw usageError('sandbox exec needs the sandbox', 'openshell sandbox exec -n NAME -- COMMAND');
  }
  if (args.trailing.length === 0) {
    throw usageError('sandbox exec needs a command', `openshell sandbox exec -n ${name} -- COMMAND`);
  }
  const tty = readSwitch('tty', args.flag('tty'), args.flag('no-tty'));
  const environment = readEnvironment('--env', args.list('env'), env);
  const request = {
    command: [...args.trailing],
    workdir: args.text('workdir') ?? '',
    timeoutSeconds: readCount('--timeout', args.text('timeout'), { min: 0, max: MAX_TIMEOUT_S }) ?? 0,
    environment: tty ? { ...terminalEnvironment(env), ...environment } : environment,
    tty,
  };
  const gateway = await context.connect();
  const sandbox = await getSandbox(gateway, context, name);
  requireReady(sandbox);
  const command = { ...request, sandboxId: idOf(sandbox) };
  const input = inputKind(stdin);
  if (tty && input === 'terminal') {
    return runOnTerminal(context, gateway, command);
  }
  return input === 'stream'
    ? runWithInput(context, gateway, command)
    : runWithoutInput(context, gateway, command);
}

/**
 * The kind of our stdin: a `terminal`; a `stream` (pipe, file, socket), which belongs to the command; or `none`, such as
 * /dev/null or a closed descriptor.
 */
function inputKind(stdin: ReadStream): 'terminal' | 'stream' | 'none' {
  if (stdin.isTTY) {
    return 'terminal';
  }
  try {
    const stat = fstatSync(STDIN_FD);
    return stat.isFIFO() || stat.isFile() || stat.isSocket() ? 'stream' : 'none';
  } catch {
    return 'none';
  }
}
