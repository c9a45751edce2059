import type { PlatformEvent } from '../../compute/driver.js';
import type { SandboxRecord } from '../../store/model.js';
import { createRecent, createTopics } from '../topics.js';

type SandboxEvent =
  | { readonly type: 'record'; readonly record: SandboxRecord }
  | { readonly type: 'event'; readonly event: PlatformEvent }
  /** The row was deleted. */
  | { readonly type: 'removed' };

/** Delivers a sandbox's changes to its subscribers, and keeps the latest platform events. */
export interface SandboxEvents {
  publish(id: string, event: SandboxEvent): void;
  /** `listener` must not throw. Returns the function that ends the subscription. */
  subscribe(id: string, listener: (event: SandboxEvent) => void): () => void;
  hasEvents(id: string): boolean;
  /** The latest platform events, oldest first; at most `count` and at most EVENTS_KEPT. */
  recentEvents(id: string, count: number): PlatformEvent[];
}

/** Platform events kept for each sandbox. */
const EVENTS_KEPT = 100;

/** `onRemoved` is called for each sandbox whose row was deleted, after its subscribers. */
export function createSandboxEvents(onRemoved: (id: string) => void = () => {}): SandboxEvents {
  const topics = createTopics<SandboxEvent>();
  const recent = createRecent<PlatformEvent>(EVENTS_KEPT);
  return {
    publish(id, event) {
      if (event.type === 'event') {
        recent.add(id, event.event);
      } else if (event.type === 'removed') {
        recent.drop(id);
      }
      topics.publish(id, event);
      if (event.type === 'removed') {
        onRemoved(id);
      }
    },
    subscribe: topics.subscribe,
    hasEvents: recent.has,
    recentEvents: recent.latest,
  };
}
