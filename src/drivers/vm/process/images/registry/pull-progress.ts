/** Reports all layers in one line, e.g. `3 of 7 layers, 42 of 120 MB`, at most every half second. */
export function createPullProgress(
  layers: readonly { readonly size: number }[],
  report: (line: string) => void,
) {
  const REPORT_EVERY_MS = 500;
  function megabytes(bytes: number) {
    return Math.round(bytes / 1e6);
  }

  const total = megabytes(layers.reduce((sum, { size }) => sum + size, 0));
  const received = new Map<object, number>();
  let done = 0;
  let reportedAt = Number.NEGATIVE_INFINITY;

  function reportNow() {
    reportedAt = performance.now();
    const current = megabytes([...received.values()].reduce((sum, bytes) => sum + bytes, 0));
    const counted = `${done} of ${layers.length} layers`;
    report(total === 0 ? counted : `${counted}, ${current} of ${total} MB`);
  }

  return {
    bytes(layer: object, bytes: number) {
      received.set(layer, bytes);
      if (performance.now() - reportedAt >= REPORT_EVERY_MS) {
        reportNow();
      }
    },
    done() {
      done++;
      reportNow();
    },
  };
}
