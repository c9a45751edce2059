import type { ReadStream } from 'node:tty';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import type { DuplexCall } from '../../rpc/client/contract.js';
import {
  type ExecSandboxEvent,
  type ExecSandboxEventSchema,
  type ExecSandboxInputSchema,
  ExecSandboxRequestSchema,
  methods,
} from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';

type RemoteCommand = MessageInitShape<typeof ExecSandboxRequestSchema>;
type ExecCall = DuplexCall<typeof ExecSandboxInputSchema, typeof ExecSandboxEventSchema>;

/** Runs a command without input, with its output on ours; returns its exit code. */
export async function runWithoutInput(
  { out, err, signal }: Context,
  gateway: Gateway,
  command: RemoteCommand,
): Promise<number> {
  return passOutput(gateway.stream(methods.execSandbox, command, { signal }), { out, err });
}

/** Runs a command with our stdin, a pipe or a file, as its own. */
export async function runWithInput(
  context: Context,
  gateway: Gateway,
  command: RemoteCommand,
): Promise<number> {
  const call = await gateway.duplex(methods.execSandboxInteractive, { signal: context.signal });
  try {
    await call.send({ payload: { case: 'start', value: create(ExecSandboxRequestSchema, command) } });
    return await attach(context, call);
  } finally {
    call.cancel();
  }
}

/** Runs a command on a terminal of its own that behaves as ours: it receives every key and follows our size. */
export async function runOnTerminal(
  context: Context,
  gateway: Gateway,
  command: RemoteCommand,
): Promise<number> {
  const { stdin, signal } = context;
  const call = await gateway.duplex(methods.execSandboxInteractive, { signal });
  const start = create(ExecSandboxRequestSchema, { ...command, tty: true, ...windowSize() });
  function resize() {
    return void call.send({ payload: { case: 'resize', value: windowSize() } });
  }

  const restore = enterRawMode(stdin);
  try {
    await call.send({ payload: { case: 'start', value: start } });
    process.stdout.on('resize', resize);
    return await attach(context, call);
  } finally {
    process.stdout.off('resize', resize);
    restore();
    call.cancel();
  }
}

/** Empty when our stdout is not a terminal: the gateway then uses 80 x 24. */
function windowSize(): { cols?: number; rows?: number } {
  const { columns, rows } = process.stdout;
  return columns > 0 && rows > 0 ? { cols: columns, rows } : {};
}

/** Passes our stdin to the command and its output to ours until it ends; what stdin still holds stays unread. */
async function attach({ stdin, out, err }: Context, call: ExecCall): Promise<number> {
  let isOver = false;
  const inputFailed = new Promise<never>((_, reject) => {
    sendAll(stdin, call).catch((error: NodeJS.ErrnoException) => {
      if (!isOver) {
        reject(failedPrecondition(`cannot read stdin: ${error.code ?? error.message}`));
      }
    });
  });
  try {
    return await Promise.race([passOutput(call.responses, { out, err }), inputFailed]);
  } finally {
    isOver = true;
    stdin.destroy();
  }
}

/** Sends stdin as fast as it can be taken, and its end as the end of the requests. */
async function sendAll(stdin: ReadStream, call: ExecCall): Promise<void> {
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    await call.send({ payload: { case: 'stdin', value: chunk } });
  }
  call.end();
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

/**
 * Passes every key to the program instead of the terminal's line editing. Returns a function that undoes this; the end
 * of the process, however it comes, does so too.
 */
function enterRawMode(stdin: ReadStream): () => void {
  function restore() {
    process.off('exit', restore);
    stdin.setRawMode(false);
  }

  process.once('exit', restore);
  stdin.setRawMode(true);
  return restore;
}
