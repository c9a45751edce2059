import type { PlatformEvent } from '../../compute/driver.js';

/** What a watch has to look at next. */
export type FeedItem =
  | { readonly type: 'look'; readonly containerId: string; readonly sandboxId: string }
  /** The engine has started it, which is no news of a container that has been seen running since its last end. */
  | { readonly type: 'started'; readonly containerId: string; readonly sandboxId: string }
  /** The driver itself has removed all of it. */
  | { readonly type: 'gone'; readonly sandboxId: string }
  | { readonly type: 'platform'; readonly sandboxId: string; readonly event: PlatformEvent };

/** A queue between those who notice something and one watch. */
export interface Feed extends AsyncIterable<FeedItem> {
  push(item: FeedItem): void;
  /** What is queued is still delivered; then the iteration ends, or throws when `error` is given. */
  end(error?: unknown): void;
}

/** News that nobody fetches is dropped beyond this, oldest first; looks are at most two a container. */
const MAX_PLATFORM_EVENTS = 1_024;

/** A look at a container that waits already is not queued twice: it shows the newest state anyway. So with starts. */
export const createFeed = (): Feed => {
  const items: FeedItem[] = [];
  const waiting = new Set<string>();
  let platformEvents = 0;
  let ended: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;

  const take = (): FeedItem | undefined => {
    const item = items.shift();
    if (item?.type === 'look' || item?.type === 'started') waiting.delete(keyOf(item));
    if (item?.type === 'platform') platformEvents -= 1;
    return item;
  };

  return {
    push(item) {
      if (ended !== undefined) return;
      if (item.type === 'look' || item.type === 'started') {
        if (waiting.has(keyOf(item))) return;
        waiting.add(keyOf(item));
      }
      if (item.type === 'platform' && ++platformEvents > MAX_PLATFORM_EVENTS) {
        items.splice(
          items.findIndex(({ type }) => type === 'platform'),
          1,
        );
        platformEvents -= 1;
      }
      items.push(item);
      wake?.();
    },
    end(error) {
      ended ??= { error };
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const item = take();
        if (item !== undefined) {
          yield item;
          continue;
        }
        if (ended?.error !== undefined) throw ended.error;
        if (ended !== undefined) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    },
  };
};

const keyOf = ({ type, containerId }: FeedItem & { type: 'look' | 'started' }) => `${type} ${containerId}`;
