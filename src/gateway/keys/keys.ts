import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import type { Store } from '../../store/store.js';
import { createKeyFile, readKeyFile } from './key-file.js';

/**
 * The gateway's secrets, all protected by one key. The key is in its own file (0600), created at the first start. The
 * store holds only the key's id: a database alone reveals no secret, and a start with another key, or none, fails.
 */
export interface GatewayKeys {
  /** 16 hex digits that identify the key and reveal nothing about it. */
  readonly id: string;
  /** 32 bytes, always the same for one purpose. */
  derive(purpose: string): Buffer;
  /**
   * Encrypts with AES-256-GCM. `use` names the secret and its owner, e.g. `credential default/github`: it is not part
   * of the result, and `open` needs the same one. At most 2^32 secrets per key.
   */
  seal(plain: Uint8Array, use: string): string;
  /** DATA_LOSS `SealBroken` for a changed text or another use, FAILED_PRECONDITION `KeyMismatch` for another key. */
  open(sealed: string, use: string): Buffer;
}

const META = 'key_id';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ID_DIGITS = 16;
const CIPHER = 'aes-256-gcm';

/** Reads the key that belongs to the store, or creates one for a store that has none yet. */
export async function openKeys(store: Store, path: string, gatewayId: string): Promise<GatewayKeys> {
  const expected = await store.getMeta(META);
  const found = await readKeyFile(path);
  if (found === undefined && expected !== undefined) {
    throw failedPrecondition(
      `this gateway's key ${path} is missing; the database was written with key ${expected}`,
      {
        reason: 'KeyMissing',
        hint: 'restore the file from a backup; secrets that were sealed with it cannot be read without it',
      },
    );
  }
  const keys = createKeys(found ?? (await createKeyFile(path)), gatewayId);
  if (expected === undefined) {
    await store.setMeta(META, keys.id);
  } else if (expected !== keys.id) {
    throw failedPrecondition(
      `this gateway's key ${path} is ${keys.id}, but the database was written with key ${expected}`,
      { reason: 'KeyMismatch', hint: 'restore the file that belongs to the database from a backup' },
    );
  }
  return keys;
}

/** `master` is the content of the key file. */
export function createKeys(master: Uint8Array, gatewayId: string): GatewayKeys {
  function derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', master, gatewayId, `openshell ${purpose}`, KEY_BYTES));
  }

  const id = createHash('sha256')
    .update(Buffer.from(hkdfSync('sha256', master, '', 'openshell key id', KEY_BYTES)))
    .digest('hex')
    .slice(0, ID_DIGITS);
  const sealing = derive('seal');
  const form = new RegExp(`^v1:([0-9a-f]{${ID_DIGITS}}):([A-Za-z0-9_-]+)$`);

  return {
    id,
    derive,
    seal(plain, use) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, sealing, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(use));
      const sealed = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
      return `v1:${id}:${Buffer.concat(sealed).toString('base64url')}`;
    },
    open(text, use) {
      const [, keyId, encoded = ''] = form.exec(text) ?? [];
      const sealed = Buffer.from(encoded, 'base64url');
      const whole = sealed.length >= NONCE_BYTES + TAG_BYTES && sealed.toString('base64url') === encoded;
      if (keyId === undefined || !whole) {
        throw broken();
      }
      if (keyId !== id) {
        throw failedPrecondition(`a secret was sealed with key ${keyId}, but this gateway's key is ${id}`, {
          reason: 'KeyMismatch',
        });
      }
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, sealing, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(use));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch {
        throw broken();
      }
    },
  };
}

function broken(): OpenShellError {
  return new OpenShellError(Code.DATA_LOSS, 'a sealed secret was changed, or belongs to another object', {
    reason: 'SealBroken',
    hint: 'restore the database from a backup, or set the secret again',
  });
}
