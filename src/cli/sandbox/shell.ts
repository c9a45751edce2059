import type { Sandbox } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { idOf } from './lookup.js';
import { runOnTerminal } from './remote-command.js';

const SHELL_COMMAND = [
  '/bin/sh',
  '-c',
  'if command -v bash >/dev/null 2>&1; then exec bash; else exec /bin/sh -i; fi',
];

/** Opens an interactive shell in a ready sandbox on our terminal; returns its exit code. */
export async function openShell(context: Context, gateway: Gateway, sandbox: Sandbox): Promise<number> {
  return runOnTerminal(context, gateway, {
    sandboxId: idOf(sandbox),
    command: SHELL_COMMAND,
    environment: terminalEnvironment(context.env),
  });
}

/** The type of terminal, so that programs in the sandbox use what ours supports. */
export function terminalEnvironment(env: NodeJS.ProcessEnv): { TERM: string } {
  return { TERM: env.TERM || 'xterm-256color' };
}
