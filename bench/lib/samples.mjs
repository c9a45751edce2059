/** The value below which `part` of the samples lie. */
export function quantile(samples, part) {
  return samples.toSorted((a, b) => a - b)[Math.min(samples.length - 1, Math.floor(samples.length * part))];
}

export function median(samples) {
  return quantile(samples, 0.5);
}

/** Milliseconds that `work` takes. */
export async function timed(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/**
 * Runs each of `works` once a round, in an order that shifts by one from round to round, so that whatever else the
 * machine does meets all of them alike. A work gives its own figure; the answer holds them by name.
 */
export async function alternate(rounds, works) {
  const names = Object.keys(works);
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length];
      samples[name].push(await works[name](round));
    }
  }
  return samples;
}

/** Runs `work` for 0 to `count - 1`, `width` at once; gives the results in order. */
export async function atOnce(count, width, work) {
  const results = new Array(count);
  let next = 0;
  async function lane() {
    while (next < count) {
      const i = next++;
      results[i] = await work(i);
    }
  }

  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
  return results;
}
