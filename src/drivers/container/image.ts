import type { CallOptions } from '../../compute/driver.js';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import { withDeadline } from '../../kit/deadline.js';
import type { ImageApi, ImageInfo } from './engine.js';
import { progress, type Report } from './progress.js';

const PULL_TIMEOUT_MS = 30 * 60_000;
const REPORT_EVERY_MS = 500;

interface EnsureImageOptions<Image extends ImageInfo> {
  readonly api: ImageApi<Image>;
  /** E.g. `Podman`. */
  readonly title: string;
  /** A word of the setting `image_pull_policy`. */
  readonly policy: string;
  readonly report: Report;
}

/** The image, pulled as the policy says. Failures have the reason `ImagePullFailed`. */
export async function ensureImage<Image extends ImageInfo>(
  reference: string,
  options: EnsureImageOptions<Image>,
  { signal }: CallOptions,
): Promise<Image> {
  const { api, title, report } = options;
  const policy = options.policy.toLowerCase();
  const mayBeOld = policy !== 'always' && policy !== 'newer';
  const present = mayBeOld ? await api.inspect(reference, { signal }) : undefined;
  const reportPresent = () =>
    report(
      progress('ImagePresent', `image ${reference} is present`, 'pulling_image', {
        done: `Image ${reference}`,
      }),
    );
  if (present !== undefined) {
    reportPresent();
    return present;
  }
  const load = `${title.toLowerCase()} pull`;
  if (policy === 'never') {
    throw failedPrecondition(`${title} does not have the image '${reference}', and may not pull it`, {
      reason: 'ImagePullFailed',
      field: 'spec.template.image',
      hint: `load it with ${load}, or set image_pull_policy to missing`,
    });
  }
  function failed(why: string, cause?: unknown) {
    return failedPrecondition(`the image '${reference}' cannot be pulled: ${why}`, {
      reason: 'ImagePullFailed',
      field: 'spec.template.image',
      hint: `check the name and the registry, or load the image on the host with ${load}`,
      cause,
    });
  }

  report(progress('Pulling', `pulling image ${reference}`, 'pulling_image', { detail: reference }));
  try {
    await withDeadline(PULL_TIMEOUT_MS, signal, async (until) => {
      let reportedAt = Number.NEGATIVE_INFINITY;
      const word = policy === 'always' || policy === 'newer' ? policy : 'missing';
      for await (const detail of api.pull(reference, word, { signal: until })) {
        if (performance.now() - reportedAt >= REPORT_EVERY_MS) {
          reportedAt = performance.now();
          report(progress('PullingLayer', detail, 'pulling_image', { detail }));
        }
      }
    });
  } catch (error) {
    signal.throwIfAborted();
    const known = OpenShellError.from(error);
    throw known.code === Code.UNAVAILABLE ? known : failed(known.message, error);
  }
  const pulled = await api.inspect(reference, { signal });
  if (pulled === undefined) {
    throw failed('the engine reports success but does not have it');
  }
  reportPresent();
  return pulled;
}
