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
  /** `listener` must not throw. Returns the way to end it. */
  subscribe(sandboxId: string, listener: (line: SandboxLogLine) => void): () => void;
  /** Forgets a sandbox that is gone. */
  drop(sandboxId: string): void;
}

const LINES_KEPT = 2000;
/** A line that comes after `drop` starts a log that nothing drops again: with this many, the oldest goes. */
const SANDBOXES_KEPT = 10_000;

export function createSandboxLog(): SandboxLog {
  const lines = new Map<string, SandboxLogLine[]>();
  const listeners = new Map<string, Set<(line: SandboxLogLine) => void>>();
  function start(sandboxId: string): SandboxLogLine[] {
    if (lines.size >= SANDBOXES_KEPT) {
      lines.delete(lines.keys().next().value as string);
    }
    const kept: SandboxLogLine[] = [];
    lines.set(sandboxId, kept);
    return kept;
  }

  return {
    append(line) {
      const kept = lines.get(line.sandboxId) ?? start(line.sandboxId);
      kept.push(line);
      // Cut in larger steps: a shift for each line would move the whole ring every time.
      if (kept.length >= LINES_KEPT * 2) {
        kept.splice(0, kept.length - LINES_KEPT);
      }
      for (const listener of [...(listeners.get(line.sandboxId) ?? [])]) {
        listener(line);
      }
    },
    tail: (sandboxId, count) =>
      count <= 0 ? [] : (lines.get(sandboxId) ?? []).slice(-Math.min(count, LINES_KEPT)),
    subscribe(sandboxId, listener) {
      const set = listeners.get(sandboxId) ?? new Set();
      listeners.set(sandboxId, set);
      set.add(listener);
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(sandboxId) === set) {
          listeners.delete(sandboxId);
        }
      };
    },
    drop(sandboxId) {
      lines.delete(sandboxId);
    },
  };
}

const RANK: Readonly<Record<string, number>> = { ERROR: 0, WARN: 1, INFO: 2, OCSF: 2, DEBUG: 3, TRACE: 4 };
const RANK_OTHER = 5;

function rank(level: string): number {
  return RANK[level.toUpperCase()] ?? RANK_OTHER;
}

/** Whether a line passes a minimum level; an empty minimum lets all pass (OpenShell's table of levels). */
export function levelAllows(minLevel: string, level: string): boolean {
  return minLevel === '' || rank(level) <= rank(minLevel);
}
