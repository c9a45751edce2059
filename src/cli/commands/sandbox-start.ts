import { methods, SandboxPhase } from '../../wire/v00/index.js';
import type { Context } from '../context.js';
import { changePhase } from '../sandbox/change-phase.js';

export async function run(context: Context): Promise<number> {
  return changePhase(context, {
    ask: (gateway, request, options) => gateway.call(methods.startSandbox, request, options),
    until: SandboxPhase.READY,
    doing: 'Starting the sandbox',
    done: 'ready',
  });
}
