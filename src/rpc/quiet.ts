import { setLogger } from '@grpc/grpc-js';
import type { Logger } from '../compute/log.js';

/** Logs at debug level what grpc-js would print on stderr; what matters is an error of ours as well. */
export function quietGrpc(log: Logger): void {
  function line(...parts: readonly unknown[]) {
    return log.debug(`grpc: ${parts.join(' ')}`);
  }

  setLogger({ error: line, info: line, debug: line });
}
