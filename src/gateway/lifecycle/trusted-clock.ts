import type { Store } from '../../store/store.js';

/**
 * The wall clock for what must not happen early: forgetting tombstones. A clock that jumps ahead is followed only when
 * it has stood for a day; until then time passes as the monotonic clock says, from where the store last saw it.
 */
export interface TrustedClock {
  /** Never ahead of the wall clock. */
  now(): Promise<number>;
}

/** Where the store keeps the last trusted time, so that a start under a wrong clock is noticed. */
const META_KEY = 'trusted_clock_ms';
const SLACK_MS = 60 * 60_000;
const STANDS_MS = 24 * 60 * 60_000;
const KEEP_EVERY_MS = 10 * 60_000;

export function createTrustedClock(options: {
  store: Pick<Store, 'getMeta' | 'setMeta'>;
  now: () => number;
  monotonic: () => number;
}): TrustedClock {
  const { store, now, monotonic } = options;
  /** A moment that was believed, on both clocks. */
  let anchor: { readonly wallMs: number; readonly atMs: number } | undefined;
  let doubtedSinceMs: number | undefined;
  let keptMs = Number.NEGATIVE_INFINITY;

  async function firstAnchor() {
    const kept = Number(await store.getMeta(META_KEY));
    return { wallMs: kept > 0 ? kept : now(), atMs: monotonic() };
  }

  async function keep(wallMs: number): Promise<void> {
    if (wallMs - keptMs < KEEP_EVERY_MS) {
      return;
    }
    keptMs = wallMs;
    await store.setMeta(META_KEY, String(Math.floor(wallMs)));
  }

  return {
    async now() {
      anchor ??= await firstAnchor();
      const atMs = monotonic();
      const wallMs = now();
      const expectedMs = anchor.wallMs + (atMs - anchor.atMs);
      const isAhead = wallMs > expectedMs + SLACK_MS;
      if (isAhead) {
        doubtedSinceMs ??= atMs;
      } else {
        doubtedSinceMs = undefined;
      }
      if (!isAhead || atMs - (doubtedSinceMs ?? atMs) >= STANDS_MS) {
        doubtedSinceMs = undefined;
        // Behind is harmless, and the anchor stays: the way back is no jump.
        if (wallMs >= expectedMs) {
          anchor = { wallMs, atMs };
        }
      }
      const trustedMs = Math.min(wallMs, anchor.wallMs + (atMs - anchor.atMs));
      await keep(trustedMs);
      return trustedMs;
    },
  };
}
