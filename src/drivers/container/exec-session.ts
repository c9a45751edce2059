import type { Socket } from 'node:net';
import type { ExecChunk, ExecSession, ExecSpec, TerminalSize } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { refusedExec } from '../../compute/exec-refusal.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import { createDeferred } from '../../kit/deferred.js';
import { ociRefusal } from '../container-exec/oci-refusal.js';
import { isRefusal, LONGEST_REFUSAL_BYTES, notStarted } from './exec-refusal.js';
import { createExecStdin } from './exec-stdin.js';
import { demultiplex } from './frames.js';
import { bufferedOutput } from './output-buffer.js';

const TIMEOUT_EXIT_CODE = 124;
/** The output may end before the command does: how often the engine is asked, growing from the first to the second. */
const FIRST_POLL_MS = 5;
const LAST_POLL_MS = 500;
/** Podman's message has two lines, each of which may arrive by itself or in parts. */
const MOST_HELD_CHUNKS = 4;

/** The engine's state of an exec. */
export interface ExecState {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  /** 0 when the command was never started. */
  readonly Pid: number;
}

interface ExecSessionOptions {
  readonly socket: Socket;
  readonly spec: ExecSpec;
  /** Ends the command when it aborts. */
  readonly signal: AbortSignal;
  readonly inspect: () => Promise<ExecState>;
  /** Whether a command that is over was never started. `refused`: the output looks like the engine's message about that. */
  readonly neverRan: (state: ExecState, refused: boolean) => boolean;
  /** Ends the command and its children, and resolves when they are gone. Never rejects. */
  readonly end: (why: string) => Promise<void>;
  readonly resize: (size: TerminalSize) => Promise<void>;
  readonly log: Logger;
}

/** A command that was just started on `socket`. */
export function createExecSession(options: ExecSessionOptions): ExecSession {
  const { socket, spec, signal, inspect, log } = options;
  const exit = createDeferred<number>();
  /** Set when the command is being ended before its time. */
  let ended: 'timeout' | 'cancelled' | undefined;
  const ending = new AbortController();

  async function endEarly(how: NonNullable<typeof ended>): Promise<void> {
    if (ended !== undefined) {
      return;
    }
    ended = how;
    ending.abort();
    log.debug('ending an exec', { why: how });
    await options.end(how === 'timeout' ? 'it took too long' : 'its client went away');
    if (how === 'timeout') {
      exit.resolve(TIMEOUT_EXIT_CODE);
    } else {
      exit.reject(OpenShellError.from(signal.reason));
    }
    socket.destroy();
  }

  function onAbort() {
    return void endEarly('cancelled');
  }

  const timer = spec.timeoutMs > 0 ? setTimeout(() => void endEarly('timeout'), spec.timeoutMs) : undefined;
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) {
    onAbort();
  }
  function leave() {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }

  exit.promise.then(leave, leave);

  /** The engine's final state; whoever ends the command early settles the exit code instead. */
  async function finalState(): Promise<ExecState | undefined> {
    const backoff = createBackoff(FIRST_POLL_MS, LAST_POLL_MS);
    while (ended === undefined) {
      const state = await inspect();
      if (!state.Running) {
        return state;
      }
      await delay(backoff.next(), ending.signal).catch(() => {});
    }
    return undefined;
  }

  /** Settles the exit code; returns what is still to be read in place of what was held back. */
  async function finish(held: readonly ExecChunk[]): Promise<readonly ExecChunk[]> {
    try {
      const state = await finalState();
      if (state === undefined) {
        return await exit.promise.then(() => held);
      }
      if (!options.neverRan(state, held.length > 0)) {
        exit.resolve(state.ExitCode ?? 0);
        return held;
      }
      const message = Buffer.concat(held.map(({ data }) => data))
        .toString()
        .trim();
      const refusal = ociRefusal(message);
      if (refusal === undefined) {
        throw notStarted(spec, message);
      }
      const { chunk, exitCode } = refusedExec(refusal, spec);
      exit.resolve(exitCode);
      return [chunk];
    } catch (error) {
      exit.reject(lost(error));
      return [];
    }
  }

  async function* output(): AsyncGenerator<ExecChunk> {
    let held: readonly ExecChunk[] = [];
    let passing = false;
    try {
      for await (const chunk of spec.tty ? terminalOutput(socket) : demultiplex(bufferedOutput(socket))) {
        // The engine's message that it could not start the command looks like the command's own output.
        if (!passing && mayBeRefusal(held, chunk)) {
          held = [...held, chunk];
        } else {
          passing = true;
          yield* held;
          held = [];
          yield chunk;
        }
      }
    } catch (error) {
      // A broken connection does not mean that the command has ended: the engine is asked.
      log.debug('the connection of an exec broke', { error: String(error) });
    } finally {
      held = await finish(held);
    }
    yield* held;
  }

  return {
    output: output(),
    stdin: spec.stdin ? createExecStdin(socket, spec.tty) : undefined,
    resize: (size) => (spec.tty ? options.resize(size) : Promise.resolve()),
    exitCode: exit.promise,
  };
}

/** Whether a chunk begins or continues the engine's message. */
function mayBeRefusal(held: readonly ExecChunk[], { data }: ExecChunk): boolean {
  return held.length === 0
    ? isRefusal(data)
    : held.length < MOST_HELD_CHUNKS && data.length <= LONGEST_REFUSAL_BYTES;
}

async function* terminalOutput(socket: Socket): AsyncGenerator<ExecChunk> {
  for await (const data of bufferedOutput(socket)) {
    yield { stream: 'stdout', data };
  }
}

/** An exec that the engine does not know any more went with its container. */
function lost(error: unknown): OpenShellError {
  const known = OpenShellError.from(error);
  if (known.code !== Code.NOT_FOUND) {
    return known;
  }
  return new OpenShellError(Code.ABORTED, 'the sandbox was deleted while the command ran', { cause: error });
}
