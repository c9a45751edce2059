/** One line of the engine's output while it pulls. */
export interface PullLine {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

const DONE = new Set(['Pull complete', 'Already exists']);

/** Sums the layers up into one line for people, e.g. `3 of 7 layers, 42 of 120 MB`. */
export function createPullProgress() {
  const layers = new Map<string, { done: boolean; current: number; total: number }>();
  return {
    /** The new sum, or undefined when the line is about no layer. */
    add({ id, status = '', progressDetail }: PullLine): string | undefined {
      if (id === undefined || id === '' || status.startsWith('Pulling from')) {
        return undefined;
      }
      const layer = layers.get(id) ?? { done: false, current: 0, total: 0 };
      layer.done ||= DONE.has(status);
      if (status === 'Downloading') {
        layer.current = progressDetail?.current ?? layer.current;
        layer.total = progressDetail?.total ?? layer.total;
      } else if (layer.done || status === 'Download complete') {
        layer.current = layer.total;
      }
      layers.set(id, layer);
      const all = [...layers.values()];
      function sum(of: (l: (typeof all)[number]) => number) {
        return all.reduce((total, l) => total + of(l), 0);
      }

      function megabytes(bytes: number) {
        return Math.round(bytes / 1e6);
      }

      const counted = `${sum((l) => (l.done ? 1 : 0))} of ${all.length} layers`;
      const total = megabytes(sum((l) => l.total));
      return total === 0 ? counted : `${counted}, ${megabytes(sum((l) => l.current))} of ${total} MB`;
    },
  };
}
