import { LABEL } from '../../compute/labels.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import { conditionsOf, isDeleting, type Objects } from './pod-status.js';

interface ObserveOptions {
  readonly scheduleTimeoutMs: number;
  readonly now: () => number;
}

/** A sandbox as its objects show it. One of the two must be there. */
export function observeObjects(objects: Objects, options: ObserveOptions): ObservedSandbox {
  const { pod, owner } = objects;
  const metadata = (pod ?? owner)?.metadata;
  const labels = metadata?.labels ?? {};
  return {
    id: labels[LABEL.sandboxId] ?? '',
    name: labels[LABEL.sandboxName] ?? '',
    workspace: labels[LABEL.sandboxWorkspace] ?? '',
    namespace: labels[LABEL.sandboxNamespace] ?? '',
    status: {
      resourceName: metadata?.name ?? '',
      instanceId: pod?.metadata.uid ?? '',
      conditions: conditionsOf(objects, {
        nowMs: options.now(),
        scheduleTimeoutMs: options.scheduleTimeoutMs,
      }),
      deleting: isDeleting(objects),
    },
  };
}
