import { type CallOptions, type PlatformEvent, PROGRESS } from '../../compute/driver.js';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import type { PodmanClient } from './api/client.js';
import type { Image } from './api/types.js';
import type { PodmanSettings } from './settings.js';

export type PullPolicy = NonNullable<PodmanSettings['image_pull_policy']>;
/** Where progress goes; the time and the source are filled in there. */
export type Report = (event: Omit<PlatformEvent, 'timestampMs' | 'source'>) => void;

/** The image, pulled as the policy says, with progress on the way. Errors carry the reason `ImagePullFailed`. */
export async function ensureImage(
  client: PodmanClient,
  reference: string,
  policy: PullPolicy,
  report: Report,
  options: CallOptions,
): Promise<Image> {
  const present = await client.inspectImage(reference, options);
  if (present !== undefined && (policy === 'missing' || policy === 'never')) {
    report(imagePresent(reference));
    return present;
  }
  if (policy === 'never') {
    throw failedPrecondition(`the image '${reference}' is not on Podman's host and may not be pulled`, {
      reason: 'ImagePullFailed',
      field: 'spec.template.image',
      hint: `load it with podman pull, or set image_pull_policy to missing`,
    });
  }
  report({
    type: 'Normal',
    reason: 'Pulling',
    message: `pulling the image ${reference}`,
    metadata: { [PROGRESS.activeStep]: 'pulling_image', [PROGRESS.activeDetail]: reference },
  });
  await pull(client, reference, policy, report, options);
  const pulled = await client.inspectImage(reference, options);
  if (pulled === undefined) {
    throw pullFailed(reference, 'the engine reports success but has no such image');
  }
  report(imagePresent(reference));
  return pulled;
}

function imagePresent(reference: string) {
  return {
    type: 'Normal' as const,
    reason: 'ImagePresent',
    message: `the image ${reference} is there`,
    metadata: { [PROGRESS.completeStep]: 'pulling_image', [PROGRESS.completeLabel]: `Image ${reference}` },
  };
}

async function pull(
  client: PodmanClient,
  reference: string,
  policy: PullPolicy,
  report: Report,
  options: CallOptions,
): Promise<void> {
  try {
    for await (const { stream, error } of client.pullImage(reference, policy, options)) {
      if (error !== undefined) {
        throw pullFailed(reference, error);
      }
      const detail = stream?.trim();
      if (!detail) {
        continue;
      }
      report({
        type: 'Normal',
        reason: 'PullingLayer',
        message: detail,
        metadata: { [PROGRESS.activeStep]: 'pulling_image', [PROGRESS.activeDetail]: detail },
      });
    }
  } catch (error) {
    if (options.signal.aborted) {
      throw OpenShellError.from(options.signal.reason);
    }
    const fault = OpenShellError.from(error);
    throw fault.reason === 'ImagePullFailed' || fault.code === Code.UNAVAILABLE
      ? fault
      : pullFailed(reference, fault.message, error);
  }
}

function pullFailed(reference: string, why: string, cause?: unknown) {
  return failedPrecondition(`the image '${reference}' cannot be pulled: ${why}`, {
    reason: 'ImagePullFailed',
    field: 'spec.template.image',
    hint: 'check the name and the registry, or load the image on the host with podman pull',
    cause,
  });
}
