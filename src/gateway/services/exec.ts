import type { ExecChunk, ExecSession, TerminalSize } from '../../compute/driver.js';
import { failedPrecondition, OpenShellError, unavailable } from '../../compute/errors.js';
import { write } from '../../kit/drain.js';
import type { SandboxPhase } from '../../store/model.js';
import type { Caller } from '../auth/principal.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { refOf } from '../lifecycle/driver-sandbox.js';
import { type Activity, accessOf } from './access.js';
import { checkExec } from './limits.js';
import type { SandboxService } from './sandboxes.js';

export interface ExecInput {
  readonly sandboxId: string;
  readonly command: readonly string[];
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  /** 0: no limit. */
  readonly timeoutMs: number;
  readonly tty: boolean;
  /** 0 by 0 with a TTY: 80 by 24. */
  readonly cols: number;
  readonly rows: number;
  /** Written first; the process then reads end of file unless there is `input`. */
  readonly stdin: Uint8Array;
  /** Frames while the command runs; their end is the process's end of file. Undefined: none. */
  readonly input: AsyncIterable<ExecInputFrame> | undefined;
}

export type ExecInputFrame =
  | { readonly type: 'stdin'; readonly data: Uint8Array }
  | { readonly type: 'resize'; readonly size: TerminalSize };

export interface ExecService {
  /** Runs a command to its end and emits its output; returns the exit code (124 after the timeout). */
  run(
    caller: Caller,
    input: ExecInput,
    emit: (chunk: ExecChunk) => Promise<void> | undefined,
  ): Promise<number>;
}

/** The longest timer that Node.js has, 24 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** Phases after which a sandbox becomes ready. */
const SOON_READY: ReadonlySet<SandboxPhase> = new Set(['provisioning', 'starting']);
const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };

export function createExecService(options: {
  sandboxes: SandboxService;
  drivers: ReadonlyMap<string, ManagedDriver>;
  activity: Activity;
}): ExecService {
  return {
    async run(caller, input, emit) {
      const { signal } = caller;
      checkExec(input);
      const record = await options.sandboxes.getById(caller, input.sandboxId);
      const access = await accessOf(record, options.drivers);
      if (record.phase !== 'running') {
        throw failedPrecondition('sandbox is not ready', {
          reason: 'SandboxNotReady',
          retryAfterMs: SOON_READY.has(record.phase) ? 1_000 : undefined,
        });
      }
      options.activity(record, 'exec');
      const ended = new AbortController();
      const session = await access.exec(
        refOf(record),
        {
          command: input.command,
          workdir: input.workdir,
          environment: input.environment,
          tty: input.tty,
          size: input.tty ? sizeOf(input) : undefined,
          timeoutMs: Math.min(input.timeoutMs, LONGEST_TIMEOUT_MS),
          stdin: input.input !== undefined || input.stdin.length > 0,
        },
        { signal: AbortSignal.any([signal, ended.signal]) },
      );
      try {
        session.exitCode.catch(() => {});
        const fed = feed(session, input);
        fed.catch(() => {});
        for await (const chunk of session.output) {
          await emit(chunk);
        }
        return await session.exitCode;
      } catch (error) {
        ended.abort(error);
        if (signal.aborted || error instanceof OpenShellError) {
          throw error;
        }
        throw unavailable('the command was lost before it reported an exit status', {
          reason: 'ExecLost',
          cause: error,
        });
      }
    },
  };
}

function sizeOf(input: ExecInput): TerminalSize {
  return input.cols > 0 && input.rows > 0 ? { cols: input.cols, rows: input.rows } : DEFAULT_SIZE;
}

async function feed(session: ExecSession, input: ExecInput): Promise<void> {
  const { stdin } = session;
  if (stdin === undefined) {
    return;
  }
  // A process that exits without reading its input is not an error.
  stdin.on('error', () => {});
  if (input.stdin.length > 0) {
    await write(stdin, input.stdin);
  }
  try {
    for await (const frame of input.input ?? []) {
      if (frame.type === 'stdin') {
        await write(stdin, frame.data);
      } else {
        await session.resize(frame.size);
      }
    }
  } finally {
    stdin.end();
  }
}
