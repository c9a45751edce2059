import type { PlatformEvent } from '../../compute/driver.js';

/** What a watch has to look at next. */
export type FeedItem =
  | { readonly type: 'look'; readonly containerId: string; readonly sandboxId: string }
  /** The driver itself has removed all of it. */
  | { readonly type: 'gone'; readonly sandboxId: string }
  | { readonly type: 'platform'; readonly sandboxId: string; readonly event: PlatformEvent };

/** A queue between those who notice something and one watch. */
export interface Feed extends AsyncIterable<FeedItem> {
  push(item: FeedItem): void;
  /** What is queued is still delivered; then the iteration ends, or throws when `error` is given. */
  end(error?: unknown): void;
}

/** News that nobody fetches is dropped beyond this, oldest first; looks are at most one a container. */
const MAX_PLATFORM_EVENTS = 1_024;

/** Looks at a container that wait already are not queued twice: a look shows the newest state anyway. */
export const createFeed = (): Feed => {
  const items: FeedItem[] = [];
  const looks = new Set<string>();
  let platformEvents = 0;
  let ended: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;

  const take = (): FeedItem | undefined => {
    const item = items.shift();
    if (item?.type === 'look') looks.delete(item.containerId);
    if (item?.type === 'platform') platformEvents -= 1;
    return item;
  };

  return {
    push(item) {
      if (ended !== undefined) return;
      if (item.type === 'look') {
        if (looks.has(item.containerId)) return;
        looks.add(item.containerId);
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
