import { failedPrecondition, type OpenShellError } from '../../../../../compute/errors.js';

/** Why a request failed. `temporary`: it may succeed a little later. */
export class RegistryFailure extends Error {
  override readonly name = 'RegistryFailure';
  readonly temporary: boolean;
  readonly hint: string | undefined;
  /** The registry's Retry-After, if any. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { temporary?: boolean; hint?: string; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.temporary = options.temporary ?? false;
    this.hint = options.hint;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The error of a sandbox whose image cannot be pulled. */
export function pullFailed(
  reference: string,
  why: string,
  options: { hint?: string | undefined; cause?: unknown } = {},
): OpenShellError {
  return failedPrecondition(`the image '${reference}' cannot be pulled: ${why}`, {
    reason: 'ImagePullFailed',
    field: 'spec.template.image',
    hint: options.hint ?? 'check the name and the registry, or put the image into image_dir',
    cause: options.cause,
  });
}
