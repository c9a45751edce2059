import { type Logger, silentLogger } from '../../dist/compute/log.js';

/** A logger that adds to `said` what it is told at `warn`. */
export function warningsInto(said: string[]): Logger {
  const log: Logger = { ...silentLogger, warn: (message) => void said.push(message), child: () => log };
  return log;
}
