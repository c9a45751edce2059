import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import { encodeExecOutput, methods } from '../../wire/v00/index.js';
import type { Caller } from '../auth/principal.js';
import type { ExecInput, ExecInputFrame, ExecService } from '../services/exec.js';
import type { Send } from './method.js';

/** A message of an interactive exec; `Start` differs between the generations. */
interface InputMessage<Start> {
  readonly payload:
    | { readonly case: 'start'; readonly value: Start }
    | { readonly case: 'stdin'; readonly value: Uint8Array }
    | { readonly case: 'resize'; readonly value: { readonly cols: number; readonly rows: number } }
    | { readonly case: undefined };
}

/** Runs a command and sends its output and exit code; ExecSandboxEvent is the same in both generations. */
export async function runExec(
  exec: ExecService,
  caller: Caller,
  input: ExecInput,
  send: Send,
): Promise<void> {
  const exitCode = await exec.run(caller, input, ({ stream, data }) => send(encodeExecOutput(stream, data)));
  await send(methods.execSandbox.encodeResponse({ payload: { case: 'exit', value: { exitCode } } }));
}

/** Splits an interactive exec into its start and the frames after it. INVALID_ARGUMENT without a start. */
export async function readInput<Start>(
  requests: AsyncGenerator<InputMessage<Start>>,
): Promise<{ start: Start; input: AsyncIterable<ExecInputFrame> }> {
  const first = await requests.next();
  if (first.done === true || first.value.payload.case !== 'start') {
    throw invalidArgument('the first message must be start', { field: 'start' });
  }
  return { start: first.value.payload.value, input: frames(requests) };
}

async function* frames(requests: AsyncGenerator<InputMessage<unknown>>): AsyncGenerator<ExecInputFrame> {
  for await (const { payload } of requests) {
    switch (payload.case) {
      case 'stdin':
        yield { type: 'stdin', data: payload.value };
        break;
      case 'resize':
        yield { type: 'resize', size: { cols: payload.value.cols, rows: payload.value.rows } };
        break;
      case 'start':
        throw failedPrecondition('the command has already been started');
    }
  }
}
