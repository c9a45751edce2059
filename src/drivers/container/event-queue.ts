import type { PlatformEvent } from '../../compute/driver.js';
import { createQueue } from '../../kit/queue.js';

/** What a watch has to look at next. */
export type FeedItem =
  | { readonly type: 'look'; readonly containerId: string; readonly sandboxId: string }
  /** The engine has started it, which is no news of a container that has been seen running since its last end. */
  | { readonly type: 'started'; readonly containerId: string; readonly sandboxId: string }
  /** The driver itself has removed all of it. */
  | { readonly type: 'gone'; readonly sandboxId: string }
  | { readonly type: 'platform'; readonly sandboxId: string; readonly event: PlatformEvent };

/** A queue between those who notice something and one watch. */
export interface EventQueue extends AsyncIterable<FeedItem> {
  push(item: FeedItem): void;
  /** What is queued is still delivered; then the iteration ends, or throws when `error` is given. */
  end(error?: unknown): void;
}

/** Platform events beyond this are dropped, oldest first; there are at most two looks a container. */
const MAX_PLATFORM_EVENTS = 1_024;

/** A look at a container that waits already is not queued twice: it shows the newest state anyway. So with starts. */
export function createEventQueue(): EventQueue {
  const queue = createQueue<FeedItem>({
    capacity: MAX_PLATFORM_EVENTS,
    cost: ({ type }) => (type === 'platform' ? 1 : 0),
  });
  const waiting = new Set<string>();
  return {
    push(item) {
      const key = keyOf(item);
      if (key !== undefined && waiting.has(key)) {
        return;
      }
      if (key !== undefined) {
        waiting.add(key);
      }
      queue.displace(item);
    },
    end: queue.end,
    async *[Symbol.asyncIterator]() {
      for await (const item of queue) {
        const key = keyOf(item);
        if (key !== undefined) {
          waiting.delete(key);
        }
        yield item;
      }
    },
  };
}

function keyOf(item: FeedItem): string | undefined {
  return item.type === 'look' || item.type === 'started' ? `${item.type} ${item.containerId}` : undefined;
}
