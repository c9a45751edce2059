/** Sandboxes whose items are kept. An item that arrives after `drop` starts an entry that nothing else removes. */
const SANDBOXES_KEPT = 10_000;

/** The subscribers of each sandbox. Listeners must not throw. */
export function createTopics<T>() {
  const listeners = new Map<string, Set<(item: T) => void>>();
  return {
    publish(sandboxId: string, item: T): void {
      // A copy, because a listener may end another subscription.
      for (const listener of [...(listeners.get(sandboxId) ?? [])]) {
        listener(item);
      }
    },
    /** Returns the function that ends the subscription. */
    subscribe(sandboxId: string, listener: (item: T) => void): () => void {
      const set = listeners.get(sandboxId) ?? new Set();
      listeners.set(sandboxId, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(sandboxId) === set) {
          listeners.delete(sandboxId);
        }
      };
    },
  };
}

/** The latest `size` items of each sandbox. */
export function createRecent<T>(size: number) {
  const kept = new Map<string, T[]>();

  function start(sandboxId: string): T[] {
    if (kept.size >= SANDBOXES_KEPT) {
      kept.delete(kept.keys().next().value as string);
    }
    const items: T[] = [];
    kept.set(sandboxId, items);
    return items;
  }

  return {
    add(sandboxId: string, item: T): void {
      const items = kept.get(sandboxId) ?? start(sandboxId);
      items.push(item);
      // Cut in large steps: a shift for each item would move the whole array every time.
      if (items.length >= size * 2) {
        items.splice(0, items.length - size);
      }
    },
    /** At most `count` items, oldest first. */
    latest: (sandboxId: string, count: number): T[] =>
      count <= 0 ? [] : (kept.get(sandboxId) ?? []).slice(-Math.min(count, size)),
    has: (sandboxId: string): boolean => kept.has(sandboxId),
    drop(sandboxId: string): void {
      kept.delete(sandboxId);
    },
  };
}
