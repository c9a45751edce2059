const SUFFIX: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const FORM = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i))?$/;

/** A Kubernetes quantity as a number; undefined when it is not one, is negative or is not finite. */
export function parseQuantity(text: string): number | undefined {
  const match = FORM.exec(text);
  if (match === null) {
    return undefined;
  }
  const value = Number((match[1] ?? '') + (match[2] ?? '')) * (SUFFIX[match[3] ?? ''] as number);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
