import { invalidArgument } from './errors.js';

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

/** A Kubernetes quantity as a number. INVALID_ARGUMENT with `field` when it is none, negative or not finite. */
const parse = (text: string, field: string): number => {
  const match = FORM.exec(text);
  const value =
    match === null
      ? Number.NaN
      : Number((match[1] ?? '') + (match[2] ?? '')) * (SUFFIX[match[3] ?? ''] as number);
  if (!Number.isFinite(value) || value < 0) {
    throw invalidArgument(`${field}: '${text}' is not a quantity`, {
      field,
      hint: 'write it as Kubernetes does, e.g. 500m or 2 for cpu, 512Mi or 2Gi for memory',
    });
  }
  return value;
};

/** CPU as billionths of a core, rounded up. At least 1 unless 0. */
export const parseCpuNanos = (text: string, field = 'cpu'): number =>
  Math.ceil(parse(text, field) * 1e9 - 1e-6);

/** Memory in bytes, rounded up. */
export const parseMemoryBytes = (text: string, field = 'memory'): number => {
  const bytes = Math.ceil(parse(text, field) - 1e-6);
  if (!Number.isSafeInteger(bytes)) {
    throw invalidArgument(`${field}: '${text}' is more than can be counted`, { field });
  }
  return bytes;
};
