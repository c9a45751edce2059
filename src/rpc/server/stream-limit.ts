import type { EventEmitter } from 'node:events';
import { Code, OpenShellError } from '../../compute/errors.js';

/** Streaming calls that are open, by user. */
export interface StreamLimit {
  /** Counts a call until its last message has left or its client is gone; throws RESOURCE_EXHAUSTED when there are too many. */
  take(user: string, call: EventEmitter): void;
}

export const createStreamLimit = (most: number): StreamLimit => {
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
      const release = () => {
        calls.delete(call);
        if (calls.size === 0 && open.get(user) === calls) open.delete(user);
      };
      for (const event of ['finish', 'cancelled', 'close']) call.once(event, release);
    },
  };
};
