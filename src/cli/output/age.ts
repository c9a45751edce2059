const STEPS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
];

/** How long ago, in the largest whole unit: `5d`, `3h`, `12m`, `0s`. */
export function age(ms: number): string {
  const step = STEPS.find(([, unitMs]) => ms >= unitMs);
  return step === undefined
    ? `${Math.max(0, Math.floor(ms / 1000))}s`
    : `${Math.floor(ms / step[1])}${step[0]}`;
}
