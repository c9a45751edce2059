/** A row: for each factor whether it is in. */
export type Row = ReadonlyMap<string, boolean>;

/** Every pair of factors with what the row says of both; each factor stands alone too. */
function pairsOf(row: Row): string[] {
  const said = [...row].map(([factor, isIn]) => `${isIn ? '+' : '-'}${factor}`);
  return said.flatMap((one, index) => [one, ...said.slice(index + 1).map((other) => `${one} ${other}`)]);
}

/**
 * The rows, each widened by one combination of `more`, so that every pair of factors meets in all the ways it can: each
 * row takes what meets most that has not met before.
 */
export function widened(rows: readonly Row[], more: readonly string[]): Row[] {
  const combinations = more.reduce<Row[]>(
    (all, factor) => all.flatMap((row) => [false, true].map((isIn) => new Map([...row, [factor, isIn]]))),
    [new Map()],
  );
  const met = new Set<string>();
  return rows.map((row) => {
    const candidates = combinations.map((combination) => new Map([...row, ...combination]));
    const news = (candidate: Row): number => pairsOf(candidate).filter((pair) => !met.has(pair)).length;
    const best = candidates.reduce((a, b) => (news(b) > news(a) ? b : a));
    for (const pair of pairsOf(best)) {
      met.add(pair);
    }
    return best;
  });
}

/** Pairs that could meet in these rows' factors and do not. */
export function unmet(rows: readonly Row[], possible: readonly Row[]): string[] {
  const met = new Set(rows.flatMap(pairsOf));
  return [...new Set(possible.flatMap(pairsOf))].filter((pair) => !met.has(pair));
}
