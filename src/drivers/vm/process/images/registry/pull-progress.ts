/** Sums layers up into one line for people, e.g. `3 of 7 layers, 42 of 120 MB`, told every half second at most. */
export function createPullProgress(
  layers: readonly { readonly size: number }[],
  tell: (line: string) => void,
) {
  const REPORT_EVERY_MS = 500;
  function megabytes(bytes: number) {
    return Math.round(bytes / 1e6);
  }

  const total = megabytes(layers.reduce((sum, { size }) => sum + size, 0));
  const received = new Map<object, number>();
  let done = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  function report() {
    toldAt = performance.now();
    const current = megabytes([...received.values()].reduce((sum, bytes) => sum + bytes, 0));
    const counted = `${done} of ${layers.length} layers`;
    tell(total === 0 ? counted : `${counted}, ${current} of ${total} MB`);
  }

  return {
    bytes(layer: object, bytes: number) {
      received.set(layer, bytes);
      if (performance.now() - toldAt >= REPORT_EVERY_MS) {
        report();
      }
    },
    done() {
      done++;
      report();
    },
  };
}
