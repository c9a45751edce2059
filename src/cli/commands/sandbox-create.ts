import type { Sandbox } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { EXIT, usageError } from '../failure.js';
import { show } from '../output/show.js';
import { createSandbox } from '../sandbox/create.js';
import { createRequest } from '../sandbox/create-request.js';
import { discardSandbox } from '../sandbox/discard.js';
import { nameOf } from '../sandbox/lookup.js';
import { followMainProcess } from '../sandbox/main-process.js';
import { exitCodeOfMain } from '../sandbox/phase.js';
import { openShell } from '../sandbox/shell.js';
import { sandboxView } from '../views/sandbox-view.js';

export async function run(context: Context): Promise<number> {
  const { args, env, workspace } = context;
  const request = createRequest(args, workspace, env);
  const after = whatFollows(context);
  const gateway = await context.connect();
  const sandbox = await createSandbox(context, gateway, request);
  if (!args.flag('no-keep')) {
    return after === 'shell' ? enterAndKeep(context, gateway, sandbox) : report(context, sandbox);
  }
  try {
    return after === 'shell'
      ? await enter(context, gateway, sandbox)
      : await followMainProcess(context, gateway, sandbox);
  } finally {
    await discardSandbox(context, gateway, nameOf(sandbox));
  }
}

/** What to do once the sandbox is ready. */
function whatFollows({ args, stdin, out }: Context): 'shell' | 'command' | 'report' {
  const hasCommand = args.trailing.length > 0;
  const onTerminal = stdin.isTTY && out.isTerminal;
  if (!args.flag('no-keep')) {
    const asksForShell = !hasCommand && !args.flag('detach') && args.text('output') === undefined;
    return asksForShell && onTerminal ? 'shell' : 'report';
  }
  if (args.flag('detach') || args.text('output') !== undefined) {
    throw usageError(
      '--no-keep waits for the command to end, so it cannot be combined with --detach or --output',
    );
  }
  if (hasCommand) {
    return 'command';
  }
  if (!onTerminal) {
    throw usageError(
      '--no-keep needs a command or a terminal',
      'openshell sandbox create --no-keep -- COMMAND',
    );
  }
  return 'shell';
}

async function enter(context: Context, gateway: Gateway, sandbox: Sandbox): Promise<number> {
  await context.note(`sandbox '${nameOf(sandbox)}' is ready`);
  return openShell(context, gateway, sandbox);
}

async function enterAndKeep(context: Context, gateway: Gateway, sandbox: Sandbox): Promise<number> {
  try {
    return await enter(context, gateway, sandbox);
  } catch (error) {
    const name = nameOf(sandbox);
    await context.note(`sandbox '${name}' is kept; remove it with openshell sandbox delete ${name}`);
    throw error;
  }
}

async function report(context: Context, sandbox: Sandbox): Promise<number> {
  const code = exitCodeOfMain(sandbox);
  const ended = code === undefined ? '' : `; its command has exited with code ${code}`;
  const { value } = sandboxView(sandbox);
  await show(context, { value, table: () => `sandbox '${nameOf(sandbox)}' is ready${ended}\n` });
  return EXIT.ok;
}
