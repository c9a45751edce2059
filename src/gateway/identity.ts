import { randomUUID } from 'node:crypto';
import { failedPrecondition } from '../compute/errors.js';
import type { Store } from '../store/store.js';

const KEY = 'gateway_id';

/**
 * The id that marks everything this gateway makes: the stored one, or at the first start the configured or a random
 * one. Another configured value later would lose sight of every sandbox, so it is refused.
 */
export async function gatewayId(store: Store, configured: string | undefined): Promise<string> {
  const stored = await store.getMeta(KEY);
  if (stored === undefined) {
    const made = configured ?? randomUUID();
    await store.setMeta(KEY, made);
    return made;
  }
  if (configured === undefined || configured === stored) {
    return stored;
  }
  throw failedPrecondition(`gateway_id is '${configured}', and this gateway's store belongs to '${stored}'`, {
    reason: 'GatewayIdMismatch',
    hint: 'take gateway_id out of the configuration, or give this gateway a database of its own (--db-url)',
  });
}
