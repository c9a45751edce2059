import { hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { failedPrecondition } from '../compute/errors.js';
import type { Store } from '../store/store.js';

const KEY = 'gateway_id';
const KEY_BYTES = 32;

/**
 * The id that marks everything this gateway makes: the stored one, or at the first start the configured or a random
 * one. Another configured value later would lose sight of every sandbox, so it is refused.
 */
export const gatewayId = async (store: Store, configured: string | undefined): Promise<string> => {
  const stored = await store.getMeta(KEY);
  if (stored === undefined) {
    const made = configured ?? randomUUID();
    await store.setMeta(KEY, made);
    return made;
  }
  if (configured === undefined || configured === stored) return stored;
  throw failedPrecondition(`gateway_id is '${configured}', and this gateway's store belongs to '${stored}'`, {
    reason: 'GatewayIdMismatch',
    hint: 'take gateway_id out of the configuration, or give this gateway a database of its own (--db-url)',
  });
};

/** A random key that is this store's own, made when it is first asked for and kept for the life of the store. */
export const storedKey = async (store: Store, name: string): Promise<Buffer> => {
  const stored = await store.getMeta(name);
  if (stored !== undefined) return Buffer.from(stored, 'base64');
  const made = randomBytes(KEY_BYTES);
  await store.setMeta(name, made.toString('base64'));
  return made;
};

/** What the drivers' secrets are derived from. */
export const driverKey = (store: Store): Promise<Buffer> => storedKey(store, 'driver_key');

/** What a driver signs with: each has its own, so that none knows another's. */
export const driverSecret = (key: Uint8Array, driver: string): string =>
  Buffer.from(hkdfSync('sha256', key, '', `openshell driver ${driver}`, KEY_BYTES)).toString('hex');
