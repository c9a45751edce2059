import type { ReadStream } from 'node:tty';
import { failedPrecondition } from '../../compute/errors.js';
import type { DuplexCall } from '../../rpc/client/contract.js';
import type { ExecSandboxEventSchema, ExecSandboxInputSchema } from '../../wire/v00/index.js';

type ExecCall = Pick<
  DuplexCall<typeof ExecSandboxInputSchema, typeof ExecSandboxEventSchema>,
  'send' | 'end'
>;

interface RemoteInput {
  /** Rejects when stdin cannot be read; never resolves. */
  readonly failed: Promise<never>;
  /** Reads no further. What stdin still holds stays unread. */
  stop(): void;
}

/** Sends stdin as it can be taken, and the end of stdin as the end of the requests. */
export function feedInput(stdin: ReadStream, call: ExecCall): RemoteInput {
  let stopped = false;
  const failed = new Promise<never>((_, reject) => {
    sendAll(stdin, call).catch((error: NodeJS.ErrnoException) => {
      if (!stopped) {
        reject(failedPrecondition(`cannot read stdin: ${error.code ?? error.message}`));
      }
    });
  });
  return {
    failed,
    stop() {
      stopped = true;
      stdin.destroy();
    },
  };
}

async function sendAll(stdin: ReadStream, call: ExecCall): Promise<void> {
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    await call.send({ payload: { case: 'stdin', value: chunk } });
  }
  call.end();
}
