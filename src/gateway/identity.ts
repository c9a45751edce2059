import { randomUUID } from 'node:crypto';
import { failedPrecondition } from '../compute/errors.js';
import type { Store } from '../store/store.js';

const KEY = 'gateway_id';

/**
 * The id that marks everything this gateway creates: the stored one, or at the first start the configured or a random
 * one. A different configured value is refused: the gateway would no longer find its sandboxes.
 */
export async function gatewayId(store: Store, configured: string | undefined): Promise<string> {
  const stored = await store.getMeta(KEY);
  if (stored === undefined) {
    const id = configured ?? randomUUID();
    await store.setMeta(KEY, id);
    return id;
  }
  if (configured === undefined || configured === stored) {
    return stored;
  }
  throw failedPrecondition(`gateway_id is '${configured}', but the database belongs to '${stored}'`, {
    reason: 'GatewayIdMismatch',
    hint: 'remove gateway_id from the configuration, or use another database (--db-url)',
  });
}
