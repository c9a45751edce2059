import type { EventEmitter } from 'node:events';
import { Code, OpenShellError } from '../../compute/errors.js';

/** How many resources callers may hold, and for how long. */
export interface RpcLimits {
  /** Connections in all, and from one address. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Concurrent calls on one connection: further ones wait at the client. */
  readonly callsPerConnection: number;
  /** Streaming calls of one user in all. */
  readonly streamsPerUser: number;
  /** How long a stream waits for a client that does not read. */
  readonly stalledMs: number;
  /** A connection that is silent for this long is pinged, and must answer within the timeout. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A connection without calls is closed after this time. */
  readonly idleMs: number;
  /** How long calls may continue on connections from before a change of the client CA or the revocations. */
  readonly staleMs: number;
}

/**
 * Connections have no maximum age: grpc-js, at both ends, drops a connection that is being closed at its next ping, and
 * with it the execs and watches on it.
 */
export const RPC_LIMITS: RpcLimits = {
  connections: 1024,
  connectionsPerAddress: 512,
  callsPerConnection: 1024,
  streamsPerUser: 1000,
  stalledMs: 600_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 20_000,
  idleMs: 600_000,
  staleMs: 3_600_000,
};

/** Streaming calls that are open, by user. */
interface StreamLimit {
  /** Counts a call until its last message is sent or its client is gone; RESOURCE_EXHAUSTED when there are too many. */
  take(user: string, call: EventEmitter): void;
}

export function createStreamLimit(most: number): StreamLimit {
  const open = new Map<string, Set<EventEmitter>>();
  return {
    take(user, call) {
      const calls = open.get(user) ?? new Set();
      if (calls.size >= most) {
        throw new OpenShellError(Code.RESOURCE_EXHAUSTED, `this user has ${most} streams open`, {
          reason: 'TooManyStreams',
          hint: 'end some of the watches and execs, or raise limits.max_streams_per_user',
        });
      }
      open.set(user, calls.add(call));
      function release() {
        calls.delete(call);
        if (calls.size === 0 && open.get(user) === calls) {
          open.delete(user);
        }
      }

      for (const event of ['finish', 'cancelled', 'close']) {
        call.once(event, release);
      }
    },
  };
}
