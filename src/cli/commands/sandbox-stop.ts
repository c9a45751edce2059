import { methods, SandboxPhase } from '../../wire/v00/index.js';
import type { Context } from '../context.js';
import { changePhase } from '../sandbox/change-phase.js';

export async function run(context: Context): Promise<number> {
  return changePhase(context, {
    ask: (gateway, request, options) => gateway.call(methods.stopSandbox, request, options),
    until: SandboxPhase.STOPPED,
    doing: 'Stopping the sandbox',
    done: 'stopped',
  });
}
