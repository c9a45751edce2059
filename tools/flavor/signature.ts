import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { failedPrecondition, invalidArgument } from '../../dist/compute/errors.js';

/** The file beside a manifest: 64 bytes of Ed25519 (RFC 8032) over the manifest's bytes, in base64, and a newline. */
export function signatureName(manifest: string): string {
  return `${manifest}.sig`;
}

const MAX_KEY_BYTES = 16_384;

/** A PEM file's text. Errors name the file, never its content. */
function readPem(path: string): { readonly text: string; readonly mode: number } {
  try {
    const { size, mode } = statSync(path);
    if (size > MAX_KEY_BYTES) {
      throw new Error(`it has ${size} bytes`);
    }
    return { text: readFileSync(path, 'utf8'), mode };
  } catch (cause) {
    throw invalidArgument(`the key ${path} cannot be read: ${(cause as Error).message}`);
  }
}

function requireEd25519(key: KeyObject, path: string): KeyObject {
  if (key.asymmetricKeyType === 'ed25519') {
    return key;
  }
  throw invalidArgument(`the key ${path} is ${key.asymmetricKeyType}, but signatures must be Ed25519`, {
    hint: 'create one with: openssl genpkey -algorithm ed25519',
  });
}

/** The private key in a PEM file that nobody but its owner can read. */
export function readSigningKey(path: string): KeyObject {
  const { text, mode } = readPem(path);
  if ((mode & 0o077) !== 0) {
    throw failedPrecondition(`the private key ${path} is readable by others than its owner`, {
      hint: `fix it with: chmod 600 ${path}`,
    });
  }
  if (/ENCRYPTED/.test(text)) {
    throw invalidArgument(`the private key ${path} is encrypted, which is not supported`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw invalidArgument(`${path} does not contain a private key in PEM`);
  }
  return requireEd25519(key, path);
}

/** The public key in a PEM file. A private one is refused: verifiers should not have it. */
export function readPublicKey(path: string): KeyObject {
  const { text } = readPem(path);
  if (/PRIVATE KEY/.test(text)) {
    throw invalidArgument(`${path} is a private key, but verifying needs the public one`, {
      hint: 'extract it with: openssl pkey -in KEY -pubout -out KEY.pub',
    });
  }
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    throw invalidArgument(`${path} does not contain a public key in PEM`);
  }
  return requireEd25519(key, path);
}

/** Identifies a key: SHA-256 of its public half in DER. */
export function fingerprint(key: KeyObject): string {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  const der = half.export({ type: 'spki', format: 'der' });
  return `ed25519 sha256:${createHash('sha256').update(der).digest('hex')}`;
}

/** The text of a signature file. */
export function sign(bytes: Uint8Array, key: KeyObject): string {
  return `${signBytes(null, bytes, key).toString('base64')}\n`;
}

/** Whether a signature file's text, exactly as `sign` writes it, is valid for these bytes and this key. */
export function isSigned(bytes: Uint8Array, text: string, key: KeyObject): boolean {
  const signature = Buffer.from(text, 'base64');
  return `${signature.toString('base64')}\n` === text && verifyBytes(null, bytes, key, signature);
}
