import type { EventEmitter } from 'node:events';
import { Code, OpenShellError } from '../../compute/errors.js';

/** How much of the gateway callers may hold, and for how long. */
export interface RpcLimits {
  /** Connections in all, and from one address. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Calls at a time on one connection: what is more waits at the client. */
  readonly callsPerConnection: number;
  /** Streaming calls of one user in all. */
  readonly streamsPerUser: number;
  /** How long a stream waits for a client that reads nothing. */
  readonly stalledMs: number;
  /** A connection that was silent for so long is asked whether it lives, and has so long to answer. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A connection without a call is closed after it. */
  readonly idleMs: number;
  /** How long calls go on whose connection was made before the client CA or the revocations changed. */
  readonly staleMs: number;
}

/**
 * There is no greatest age of a connection: grpc-js, here and at the client, gives up a connection that was told to
 * end when it is next asked whether it lives, and with it the execs and watches on it.
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
  /** Counts a call until its last message has left or its client is gone; throws RESOURCE_EXHAUSTED when there are too many. */
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
