/** Aborts when nobody has called `extend` for a while. */
interface IdleDeadline {
  readonly signal: AbortSignal;
  extend(): void;
  stop(): void;
}

/** @param error what the signal's reason becomes. */
export function createIdleDeadline(idleMs: number, error: () => Error): IdleDeadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(error()), idleMs);
  return {
    signal: controller.signal,
    extend: () => void timer.refresh(),
    stop: () => clearTimeout(timer),
  };
}
