import { createHmac, timingSafeEqual } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import { ANNOTATION } from './names.js';
import type { Owner, Pod } from './objects.js';

/**
 * How a Pod is kept with its claim, and known again: whoever may patch the claim must not choose what the gateway makes
 * of it, for the gateway may more than they.
 */
export interface PodSeal {
  /** Annotations of the claim of the same name. INVALID_ARGUMENT when the Pod is too big. */
  seal(pod: Pod, sandboxId: string): Record<string, string>;
  /** FAILED_PRECONDITION when it is not as this gateway sealed it for this sandbox and claim. */
  open(claim: Owner, sandboxId: string): Pod;
}

export interface PodSealOptions {
  readonly gatewayId: string;
  readonly secret: string;
  /** Open what has no signature. */
  readonly trustUnsigned: boolean;
}

/** The annotations of an object hold 256 KiB together. */
const LONGEST_ENCODED = 240 * 1024;
/** Of a Pod that nobody has signed. */
const LARGEST_POD_BYTES = 16 * 1024 * 1024;

export function createPodSeal({ gatewayId, secret, trustUnsigned }: PodSealOptions): PodSeal {
  function sign(encoded: string, namespace: string | undefined, name: string, sandboxId: string): Buffer {
    return createHmac('sha256', Buffer.from(secret, 'hex'))
      .update(JSON.stringify([ANNOTATION.pod, gatewayId, namespace, name, sandboxId, encoded]))
      .digest();
  }

  return {
    seal(pod, sandboxId) {
      const encoded = encodePod(pod);
      const { namespace, name } = pod.metadata;
      return {
        [ANNOTATION.pod]: encoded,
        [ANNOTATION.podSignature]: sign(encoded, namespace, name, sandboxId).toString('base64'),
      };
    },
    open({ metadata }, sandboxId) {
      const { namespace, name, annotations = {} } = metadata;
      const encoded = annotations[ANNOTATION.pod] ?? '';
      const signature = annotations[ANNOTATION.podSignature];
      const claim = `claim '${name}' in namespace '${namespace}'`;
      if (signature === undefined && !trustUnsigned) {
        throw failedPrecondition(`${claim} has no signature on the Pod that it keeps`, {
          reason: 'ClaimNotSigned',
          hint: 'if a gateway before 0.2 made it, the operator can set trust_unsigned_claims in [openshell.drivers.kubernetes] for its first start; else somebody changed it',
        });
      }
      const given = Buffer.from(signature ?? '', 'base64');
      const expected = sign(encoded, namespace, name, sandboxId);
      if (
        signature !== undefined &&
        (given.length !== expected.length || !timingSafeEqual(given, expected))
      ) {
        throw failedPrecondition(`the Pod that ${claim} keeps is not the one that this gateway signed`, {
          reason: 'ClaimChanged',
          hint: "somebody changed the claim, or this gateway's database is not the one that it was made with; the workspace is in the claim's volume",
        });
      }
      return decodePod(encoded);
    },
  };
}

/** A Pod as text for an annotation, small and not to be read in passing. */
function encodePod(pod: Pod): string {
  const encoded = gzipSync(JSON.stringify(pod)).toString('base64');
  if (encoded.length <= LONGEST_ENCODED) {
    return encoded;
  }
  throw invalidArgument('spec: command and environment are more than Kubernetes can keep with a sandbox', {
    field: 'spec.environment',
    hint: 'put big values into a file of the image or of the workspace',
  });
}

function decodePod(encoded: string): Pod {
  return JSON.parse(
    gunzipSync(Buffer.from(encoded, 'base64'), { maxOutputLength: LARGEST_POD_BYTES }).toString('utf8'),
  ) as Pod;
}
