import { createRecent, createTopics } from '../topics.js';

/** One line of a sandbox's log, whatever its source. */
export interface SandboxLogLine {
  readonly sandboxId: string;
  readonly timeMs: number;
  /** ERROR, WARN, INFO, DEBUG or TRACE. */
  readonly level: string;
  readonly target: string;
  readonly message: string;
  /** `gateway`: our own events. `sandbox`: the main process's output. */
  readonly source: 'gateway' | 'sandbox';
  readonly fields: Readonly<Record<string, string>>;
}

/** The gateway's own lines about each sandbox, the latest 2,000; lost at a restart. */
export interface SandboxLog {
  append(line: SandboxLogLine): void;
  /** Oldest first. */
  tail(sandboxId: string, lines: number): SandboxLogLine[];
  /** `listener` must not throw. Returns the function that ends the subscription. */
  subscribe(sandboxId: string, listener: (line: SandboxLogLine) => void): () => void;
  /** Drops the lines of a deleted sandbox. */
  drop(sandboxId: string): void;
}

const LINES_KEPT = 2000;

export function createSandboxLog(): SandboxLog {
  const recent = createRecent<SandboxLogLine>(LINES_KEPT);
  const topics = createTopics<SandboxLogLine>();
  return {
    append(line) {
      recent.add(line.sandboxId, line);
      topics.publish(line.sandboxId, line);
    },
    tail: recent.latest,
    subscribe: topics.subscribe,
    drop: recent.drop,
  };
}

const RANK: Readonly<Record<string, number>> = { ERROR: 0, WARN: 1, INFO: 2, OCSF: 2, DEBUG: 3, TRACE: 4 };
const RANK_OTHER = 5;

function rank(level: string): number {
  return RANK[level.toUpperCase()] ?? RANK_OTHER;
}

/** Whether a line is at or above a minimum level, by OpenShell's table of levels; an empty minimum allows all. */
export function levelAllows(minLevel: string, level: string): boolean {
  return minLevel === '' || rank(level) <= rank(minLevel);
}
