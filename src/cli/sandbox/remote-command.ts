import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, OpenShellError } from '../../compute/errors.js';
import { type ExecSandboxEvent, ExecSandboxRequestSchema, methods } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { enterRawMode } from '../terminal/raw-mode.js';
import { feedInput } from './remote-input.js';

type RemoteCommand = MessageInitShape<typeof ExecSandboxRequestSchema>;

/** Runs a command without input: its output goes to ours, the answer is its exit code. */
export async function runWithoutInput(
  { out, err, signal }: Context,
  gateway: Gateway,
  command: RemoteCommand,
): Promise<number> {
  return passOutput(gateway.stream(methods.execSandbox, command, { signal }), { out, err });
}

/** Runs a command with our stdin, a pipe or a file, as its own. */
export async function runWithInput(
  { stdin, out, err, signal }: Context,
  gateway: Gateway,
  command: RemoteCommand,
): Promise<number> {
  const call = await gateway.duplex(methods.execSandboxInteractive, { signal });
  await call.send({ payload: { case: 'start', value: create(ExecSandboxRequestSchema, command) } });
  const input = feedInput(stdin, call);
  try {
    return await Promise.race([passOutput(call.responses, { out, err }), input.failed]);
  } finally {
    input.stop();
    call.cancel();
  }
}

/** Runs a command on a terminal of its own that behaves as ours: every key goes there, its size follows. */
export async function runOnTerminal(
  context: Context,
  gateway: Gateway,
  command: RemoteCommand,
): Promise<number> {
  const { stdin, out, err, signal } = context;
  const call = await gateway.duplex(methods.execSandboxInteractive, { signal });
  const start = create(ExecSandboxRequestSchema, { ...command, tty: true, ...windowSize() });
  function resize() {
    return void call.send({ payload: { case: 'resize', value: windowSize() } });
  }

  const restore = enterRawMode(stdin);
  try {
    await call.send({ payload: { case: 'start', value: start } });
    process.stdout.on('resize', resize);
    const input = feedInput(stdin, call);
    try {
      return await Promise.race([passOutput(call.responses, { out, err }), input.failed]);
    } finally {
      input.stop();
    }
  } finally {
    process.stdout.off('resize', resize);
    restore();
    call.cancel();
  }
}

/** Empty when our stdout is no terminal: the gateway then takes 80 x 24. */
function windowSize(): { cols?: number; rows?: number } {
  const { columns, rows } = process.stdout;
  return columns > 0 && rows > 0 ? { cols: columns, rows } : {};
}

async function passOutput(
  events: AsyncIterable<ExecSandboxEvent>,
  { out, err }: Pick<Context, 'out' | 'err'>,
): Promise<number> {
  for await (const { payload } of events) {
    if (payload.case === 'stdout') {
      await out.write(payload.value.data);
    } else if (payload.case === 'stderr') {
      await err.write(payload.value.data);
    } else if (payload.case === 'exit') {
      return payload.value.exitCode;
    }
  }
  throw new OpenShellError(Code.UNAVAILABLE, 'the gateway ended the stream before the command had ended');
}
