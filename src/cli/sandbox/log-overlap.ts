import type { SandboxLogLine } from '../../wire/v00/index.js';

/**
 * The lines of `latest` that come after `shown`, both in order: the two overlap by as many lines as the end of the one
 * and the beginning of the other have in common.
 */
export function unseenLines(
  shown: readonly SandboxLogLine[],
  latest: readonly SandboxLogLine[],
): readonly SandboxLogLine[] {
  for (let overlap = Math.min(shown.length, latest.length); overlap > 0; overlap--) {
    const end = shown.slice(-overlap);
    if (end.every((line, at) => isSame(line, latest[at]))) {
      return latest.slice(overlap);
    }
  }
  return latest;
}

function isSame(a: SandboxLogLine, b: SandboxLogLine | undefined): boolean {
  return a.timestampMs === b?.timestampMs && a.target === b.target && a.message === b.message;
}
