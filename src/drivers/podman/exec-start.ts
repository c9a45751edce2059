import { delay } from '../../compute/deadline.js';
import type { ExecChunk } from '../../compute/driver.js';
import { invalidArgument, unavailable } from '../../compute/errors.js';
import type { PodmanClient } from './api/client.js';

export type OutputSource = AsyncIterable<ExecChunk>;

export interface ExecStartOptions {
  readonly client: PodmanClient;
  readonly execId: string;
  readonly chunks: AsyncGenerator<ExecChunk>;
  readonly command: readonly string[];
  readonly signal: AbortSignal;
}

const POLL_MS = 25;
/** How the engine begins its word about a command that its runtime could not start. */
const REFUSAL = /^Error: .*(OCI runtime|OCI permission|crun|runc)/s;
const NOT_STARTED_EXIT_CODES = new Set([125, 126, 127]);

/**
 * The engine answers before its runtime has started the command, and writes a failure to start into the output. So wait
 * for a sign of life: output, the end, or the engine's word that the command runs. INVALID_ARGUMENT when it never ran.
 */
export const createExecStart = async (options: ExecStartOptions): Promise<OutputSource> => {
  const { client, execId, chunks, command, signal } = options;
  const decided = new AbortController();
  const first = chunks.next();
  first.catch(() => {});
  const running = pollRunning(client, execId, AbortSignal.any([signal, decided.signal]));
  const winner = await Promise.race([first, running])
    .catch((cause) => {
      throw unavailable('Podman broke off the exec before it began', { reason: 'EngineUnavailable', cause });
    })
    .finally(() => decided.abort());
  if (winner !== 'running' && !winner.done && isRefusal(winner.value)) {
    await refuseUnlessStarted(client, execId, winner.value, command, signal);
  }
  return resume(first, chunks);
};

const isRefusal = ({ data }: ExecChunk): boolean => REFUSAL.test(Buffer.from(data).toString('utf8'));

const pollRunning = async (client: PodmanClient, execId: string, signal: AbortSignal): Promise<'running'> => {
  try {
    for (;;) {
      await delay(POLL_MS, signal);
      const state = await client.inspectExec(execId, { signal });
      if (state.Running && state.Pid > 0) return 'running';
    }
  } catch {
    // Not asked any more, or the engine is gone: the output tells.
    return new Promise(() => {});
  }
};

/** A command may print the same words: only one that is over without a process was refused. */
const refuseUnlessStarted = async (
  client: PodmanClient,
  execId: string,
  chunk: ExecChunk,
  command: readonly string[],
  signal: AbortSignal,
): Promise<void> => {
  const state = await client.inspectExec(execId, { signal });
  if (state.Running || state.Pid > 0 || !NOT_STARTED_EXIT_CODES.has(state.ExitCode)) return;
  const said = Buffer.from(chunk.data).toString('utf8');
  if (/chdir to cwd|working directory/i.test(said)) {
    throw invalidArgument('the working directory of the command does not exist in the sandbox', {
      field: 'workdir',
    });
  }
  throw invalidArgument(`the command '${command[0]}' cannot be started: ${reasonOf(said)}`, {
    field: 'command',
    cause: new Error(said),
  });
};

const reasonOf = (said: string): string => {
  if (/executable file not found|no such file|command that was not found/i.test(said))
    return 'there is no such program';
  if (/permission denied/i.test(said)) return 'it may not be executed';
  return 'the runtime refuses it';
};

async function* resume(
  first: Promise<IteratorResult<ExecChunk>>,
  rest: AsyncGenerator<ExecChunk>,
): AsyncGenerator<ExecChunk> {
  const start = await first;
  if (start.done) return;
  yield start.value;
  yield* rest;
}
