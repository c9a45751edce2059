/** Every subset, the empty one first. */
export function subsets<T>(values: readonly T[]): T[][] {
  const [first, ...rest] = values;
  if (first === undefined) {
    return [[]];
  }
  const without = subsets(rest);
  return [...without, ...without.map((set) => [first, ...set])];
}
