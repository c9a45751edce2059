import { failedPrecondition } from '../../compute/errors.js';
import { RESERVED_LABEL_PREFIX } from '../../compute/labels.js';

/** An engine gives an image's labels to its containers: there ours say whose a container is, and what for. */
export function refuseReservedImageLabels(
  image: string,
  labels: Readonly<Record<string, string>> | null | undefined,
): void {
  const key = Object.keys(labels ?? {}).find((one) => one.startsWith(RESERVED_LABEL_PREFIX));
  if (key === undefined) {
    return;
  }
  throw failedPrecondition(`the image '${image}' has the label '${key}', which is the gateway's own`, {
    reason: 'ImageLabelsReserved',
    field: 'spec.template.image',
    hint: `build the image without labels that begin with ${RESERVED_LABEL_PREFIX}`,
  });
}
