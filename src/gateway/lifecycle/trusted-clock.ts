import type { Store } from '../../store/store.js';

/**
 * A wall clock for pruning tombstones, which must not happen early. When the clock jumps ahead, the new time is trusted
 * only after a day; until then the monotonic clock continues from the last trusted time, which the store keeps.
 */
export interface TrustedClock {
  /** Never ahead of the wall clock. */
  now(): Promise<number>;
}

/** Where the store keeps the last trusted time, so that a start with a wrong clock is noticed. */
const META_KEY = 'trusted_clock_ms';
const SLACK_MS = 60 * 60_000;
const TRUSTED_AFTER_MS = 24 * 60 * 60_000;
const STORE_EVERY_MS = 10 * 60_000;

export function createTrustedClock(options: {
  store: Pick<Store, 'getMeta' | 'setMeta'>;
  now: () => number;
  monotonic: () => number;
}): TrustedClock {
  const { store, now, monotonic } = options;
  /** A trusted moment, on both clocks. */
  let anchor: { readonly wallMs: number; readonly atMs: number } | undefined;
  let doubtedSinceMs: number | undefined;
  let storedMs = Number.NEGATIVE_INFINITY;

  async function firstAnchor() {
    const stored = Number(await store.getMeta(META_KEY));
    return { wallMs: stored > 0 ? stored : now(), atMs: monotonic() };
  }

  async function storeTime(wallMs: number): Promise<void> {
    if (wallMs - storedMs < STORE_EVERY_MS) {
      return;
    }
    storedMs = wallMs;
    await store.setMeta(META_KEY, String(Math.floor(wallMs)));
  }

  return {
    async now() {
      anchor ??= await firstAnchor();
      const atMs = monotonic();
      const wallMs = now();
      const expectedMs = anchor.wallMs + (atMs - anchor.atMs);
      const isAhead = wallMs > expectedMs + SLACK_MS;
      doubtedSinceMs = isAhead ? (doubtedSinceMs ?? atMs) : undefined;
      if (!isAhead || atMs - (doubtedSinceMs ?? atMs) >= TRUSTED_AFTER_MS) {
        doubtedSinceMs = undefined;
        // A clock behind is harmless; the anchor stays, so that setting the clock right is not a jump.
        if (wallMs >= expectedMs) {
          anchor = { wallMs, atMs };
        }
      }
      const trustedMs = Math.min(wallMs, anchor.wallMs + (atMs - anchor.atMs));
      await storeTime(trustedMs);
      return trustedMs;
    },
  };
}
