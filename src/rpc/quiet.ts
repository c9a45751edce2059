import { setLogger } from '@grpc/grpc-js';
import type { Logger } from '../compute/log.js';

/** What grpc-js would print on stderr beside our lines becomes a debug line: whatever matters is an error of ours too. */
export function quietGrpc(log: Logger): void {
  function line(...parts: readonly unknown[]) {
    return log.debug(`grpc: ${parts.join(' ')}`);
  }

  setLogger({ error: line, info: line, debug: line });
}
