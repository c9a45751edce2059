import { readCount, readEnvironment, readSwitch } from '../arguments/values.js';
import type { Context } from '../context.js';
import { usageError } from '../failure.js';
import { inputKind } from '../sandbox/input-kind.js';
import { getSandbox, idOf } from '../sandbox/lookup.js';
import { requireReady } from '../sandbox/phase.js';
import { runOnTerminal, runWithInput, runWithoutInput } from '../sandbox/remote-command.js';
import { terminalEnvironment } from '../sandbox/shell.js';

const MAX_TIMEOUT_S = 2 ** 31 - 1;

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
