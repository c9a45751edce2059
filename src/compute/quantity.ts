import { parseQuantity } from '../kit/quantity.js';
import { invalidArgument } from './errors.js';

/** INVALID_ARGUMENT with `field` when it is not a quantity. */
function parse(text: string, field: string): number {
  const value = parseQuantity(text);
  if (value !== undefined) {
    return value;
  }
  throw invalidArgument(`${field}: '${text}' is not a quantity`, {
    field,
    hint: 'write it as Kubernetes does, e.g. 500m or 2 for cpu, 512Mi or 2Gi for memory',
  });
}

/** CPU as billionths of a core, rounded up. At least 1 unless 0. */
export function parseCpuNanos(text: string, field = 'cpu'): number {
  return Math.ceil(parse(text, field) * 1e9 - 1e-6);
}

/** Memory in bytes, rounded up. */
export function parseMemoryBytes(text: string, field = 'memory'): number {
  const bytes = Math.ceil(parse(text, field) - 1e-6);
  if (!Number.isSafeInteger(bytes)) {
    throw invalidArgument(`${field}: '${text}' is too large`, { field });
  }
  return bytes;
}
