import { createHmac, timingSafeEqual } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import { ANNOTATION } from './names.js';
import type { Owner, Pod } from './objects.js';

/**
 * Stores a Pod with its claim and signs it: the gateway has more rights than those who may patch the claim, so they must
 * not choose the Pod that it creates.
 */
export interface PodSeal {
  /** Annotations for the claim of the same name. INVALID_ARGUMENT when the Pod is too large. */
  seal(pod: Pod, sandboxId: string): Record<string, string>;
  /** FAILED_PRECONDITION unless this gateway sealed it for this sandbox and claim. */
  open(claim: Owner, sandboxId: string): Pod;
}

export interface PodSealOptions {
  readonly gatewayId: string;
  readonly secret: string;
  /** Accept Pods without a signature. */
  readonly trustUnsigned: boolean;
}

/** An object's annotations hold 256 KiB in total. */
const LONGEST_ENCODED = 240 * 1024;
/** Limit for an unsigned Pod. */
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
        throw failedPrecondition(`the Pod stored in ${claim} has no signature`, {
          reason: 'ClaimNotSigned',
          hint: 'if a gateway before 0.2 created it, the operator can set trust_unsigned_claims in [openshell.drivers.kubernetes] for its first start; otherwise someone changed it',
        });
      }
      const actual = Buffer.from(signature ?? '', 'base64');
      const expected = sign(encoded, namespace, name, sandboxId);
      if (
        signature !== undefined &&
        (actual.length !== expected.length || !timingSafeEqual(actual, expected))
      ) {
        throw failedPrecondition(`the Pod stored in ${claim} is not the one that this gateway signed`, {
          reason: 'ClaimChanged',
          hint: "someone changed the claim, or this gateway's database is not the one it was created with; the workspace is in the claim's volume",
        });
      }
      return decodePod(encoded);
    },
  };
}

/** A Pod as text for an annotation: compact, and not readable at a glance. */
function encodePod(pod: Pod): string {
  const encoded = gzipSync(JSON.stringify(pod)).toString('base64');
  if (encoded.length <= LONGEST_ENCODED) {
    return encoded;
  }
  throw invalidArgument('spec: command and environment are too large for Kubernetes to store', {
    field: 'spec.environment',
    hint: 'put large values into a file in the image or the workspace',
  });
}

function decodePod(encoded: string): Pod {
  return JSON.parse(
    gunzipSync(Buffer.from(encoded, 'base64'), { maxOutputLength: LARGEST_POD_BYTES }).toString('utf8'),
  ) as Pod;
}
