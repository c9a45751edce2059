import { EXEC_KILL_GRACE_MS, type ExecSession, type ExecSpec } from '../compute/driver.js';
import { OpenShellError, unavailable } from '../compute/errors.js';
import { ExecRefused, refusedSession } from '../compute/exec-refusal.js';
import { withDeadline } from '../kit/deadline.js';
import type { AgentChannel } from './channel.js';
import type { AgentStream, StreamExit } from './stream.js';

/** The sandbox's defaults for every exec. */
interface ExecDefaults {
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
}

const TIMED_OUT = 124;
/** Agents normally answer at once. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How long after KILL the agent may take to report the end. */
const END_SLACK_MS = 10_000;

type SpawnRecord = readonly [string, string];

/** The records of a SPAWN, as protocol.md lists them. */
export function spawnRecords(spec: {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
}): SpawnRecord[] {
  return [
    ...spec.command.map((argument): SpawnRecord => ['a', argument]),
    ...Object.entries(spec.environment).map(([key, value]): SpawnRecord => ['e', `${key}=${value}`]),
    ['u', spec.user],
    ['d', spec.workdir],
  ];
}

/** Implements SandboxAccess.exec: a timeout ends with 124, an abort rejects `exitCode`, and neither leaves a process. */
export async function execThroughAgent(
  channel: AgentChannel,
  spec: ExecSpec,
  defaults: ExecDefaults,
  signal: AbortSignal,
): Promise<ExecSession> {
  const records = spawnRecords({
    command: spec.command,
    environment: { ...defaults.environment, ...spec.environment },
    user: defaults.user,
    workdir: spec.workdir === '' ? defaults.workdir : spec.workdir,
  });
  if (spec.stdin) {
    records.push(['i', '']);
  }
  if (spec.tty) {
    records.push(['t', `${spec.size?.cols ?? 80}x${spec.size?.rows ?? 24}`]);
  }
  const answerMs = Math.min(spec.timeoutMs || ANSWER_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
  const spawning = withDeadline(answerMs, signal, (until) => channel.spawn(records, until));
  try {
    return sessionOf(await spawning, spec, signal);
  } catch (error) {
    if (error instanceof ExecRefused) {
      return refusedSession(error.refusal, spec);
    }
    throw OpenShellError.from(error);
  }
}

function sessionOf(stream: AgentStream, spec: ExecSpec, signal: AbortSignal): ExecSession {
  let timedOut = false;
  const timers: NodeJS.Timeout[] = [];
  function after(ms: number, act: () => void) {
    return timers.push(setTimeout(act, ms));
  }

  function end() {
    stream.end(EXEC_KILL_GRACE_MS);
    after(EXEC_KILL_GRACE_MS + END_SLACK_MS, () =>
      stream.abandon(unavailable('the agent did not end the command')),
    );
  }

  function onAbort() {
    stream.discard();
    end();
  }

  if (spec.timeoutMs > 0) {
    after(spec.timeoutMs, () => {
      timedOut = true;
      end();
    });
  }
  if (signal.aborted) {
    onAbort();
  } else {
    signal.addEventListener('abort', onAbort, { once: true });
  }

  const exited: Promise<StreamExit> = stream.exit.finally(() => {
    for (const timer of timers) {
      clearTimeout(timer);
    }
    signal.removeEventListener('abort', onAbort);
  });
  const exitCode = exited.then(({ code }) => {
    if (signal.aborted) {
      throw OpenShellError.from(signal.reason);
    }
    return timedOut ? TIMED_OUT : code;
  });
  exitCode.catch(() => {});
  return {
    output: stream.output,
    stdin: spec.stdin ? stream.input : undefined,
    resize: async ({ cols, rows }) => stream.resize(cols, rows),
    exitCode,
  };
}
