/** Deadlines of the calls to a driver, in milliseconds. */
export const DRIVER_DEADLINE_MS = {
  /** Pulling an image is part of it. */
  create: 30 * 60_000,
  /** The driver's own grace period is part of it. */
  stop: 180_000,
  start: 180_000,
  delete: 180_000,
  /** Preparing or removing what a workspace needs; a namespace may take its time to end. */
  workspace: 180_000,
  query: 30_000,
} as const;

/** Counts and times the calls to drivers. */
export type CallObserver = (driver: string, call: string, seconds: number, error: boolean) => void;

/** Runs one call to a driver and tells the observer. */
export const observed = async <T>(
  observe: CallObserver,
  driver: string,
  call: string,
  run: () => Promise<T>,
): Promise<T> => {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  try {
    const result = await run();
    observe(driver, call, seconds(), false);
    return result;
  } catch (error) {
    observe(driver, call, seconds(), true);
    throw error;
  }
};
