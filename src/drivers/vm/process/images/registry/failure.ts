import { failedPrecondition, type OpenShellError } from '../../../../../compute/errors.js';

/** Why one request did not bring what it should have. `passing`: the same may succeed a little later. */
export class RegistryFailure extends Error {
  override readonly name = 'RegistryFailure';
  readonly passing: boolean;
  readonly hint: string | undefined;
  /** How long the registry asks to be left alone, if it says so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { passing?: boolean; hint?: string; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.passing = options.passing ?? false;
    this.hint = options.hint;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The error that ends a sandbox whose image did not come. */
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
