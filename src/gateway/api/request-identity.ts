import { createHash } from 'node:crypto';
import type { MethodShape } from '../../wire/method-shape.js';
import type { Caller } from '../auth/principal.js';
import type { RequestIdentity } from '../services/requests.js';

/** Identifies a request by user, id and content; different encodings of one message are the same request. */
export function identityOf(
  method: MethodShape,
  request: { readonly requestId: string },
  { principal }: Caller,
): RequestIdentity {
  return {
    subject: principal.subject,
    requestId: request.requestId,
    fingerprint: () =>
      createHash('sha256').update(`${method.name}\0`).update(canonical(request)).digest('base64'),
  };
}

/** JSON with sorted keys, and with bigints and bytes as text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') {
      return `${part}n`;
    }
    if (part instanceof Uint8Array) {
      return Buffer.from(part).toString('base64');
    }
    if (part === null || typeof part !== 'object' || Array.isArray(part)) {
      return part;
    }
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
