import type { PlatformEvent } from '../../compute/driver.js';
import type { SandboxRecord } from '../../store/model.js';

type HubEvent =
  | { readonly type: 'record'; readonly record: SandboxRecord }
  | { readonly type: 'event'; readonly event: PlatformEvent }
  /** The row is gone. */
  | { readonly type: 'removed' };

/** Brings a sandbox's news to whoever watches it, and keeps the latest platform events. */
export interface Hub {
  publish(id: string, event: HubEvent): void;
  /** `listener` must not throw. Returns the way to end it. */
  subscribe(id: string, listener: (event: HubEvent) => void): () => void;
  hasEvents(id: string): boolean;
  /** The latest platform events, oldest first; at most `count` and at most EVENTS_KEPT. */
  recentEvents(id: string, count: number): PlatformEvent[];
}

/** Platform events kept for each sandbox. */
const EVENTS_KEPT = 100;
/** An event that comes after the sandbox's end starts an entry that nothing drops: with this many, the oldest goes. */
const SANDBOXES_KEPT = 10_000;

/** `onRemoved` is told of each sandbox whose row is gone, after its watchers. */
export function createHub(onRemoved: (id: string) => void = () => {}): Hub {
  const listeners = new Map<string, Set<(event: HubEvent) => void>>();
  const recent = new Map<string, PlatformEvent[]>();
  function start(id: string): PlatformEvent[] {
    if (recent.size >= SANDBOXES_KEPT) {
      recent.delete(recent.keys().next().value as string);
    }
    const events: PlatformEvent[] = [];
    recent.set(id, events);
    return events;
  }

  return {
    publish(id, event) {
      if (event.type === 'event') {
        const events = recent.get(id) ?? start(id);
        events.push(event.event);
        if (events.length > EVENTS_KEPT) {
          events.shift();
        }
      } else if (event.type === 'removed') {
        recent.delete(id);
      }
      for (const listener of [...(listeners.get(id) ?? [])]) {
        listener(event);
      }
      if (event.type === 'removed') {
        onRemoved(id);
      }
    },
    subscribe(id, listener) {
      const set = listeners.get(id) ?? new Set();
      set.add(listener);
      listeners.set(id, set);
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(id) === set) {
          listeners.delete(id);
        }
      };
    },
    hasEvents: (id) => recent.has(id),
    recentEvents: (id, count) => (count <= 0 ? [] : (recent.get(id) ?? []).slice(-count)),
  };
}
