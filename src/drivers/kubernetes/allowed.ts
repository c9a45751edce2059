import { failedPrecondition } from '../../compute/errors.js';
import type { KubernetesSettings } from './settings.js';

/** The operator's lists of what sandboxes may ask for. */
export type AllowList = Extract<keyof KubernetesSettings, `allowed_${string}`>;

/**
 * A cluster holds other people's secrets, nodes and networks, so nothing in it is anybody's without the operator's word:
 * FAILED_PRECONDITION `NotAllowed` unless the list has `name`, or its beginning and a `*`.
 */
export const requireAllowed = (
  name: string,
  list: AllowList,
  field: string,
  settings: KubernetesSettings,
): void => {
  const isIn = (entry: string) =>
    entry === name ||
    (entry.endsWith('*') && list !== 'allowed_objects' && name.startsWith(entry.slice(0, -1)));
  if (settings[list].some(isIn)) return;
  throw notAllowed(`${field}: '${name}'`, field, `add '${name}' to ${list}`);
};

export const notAllowed = (what: string, field: string, remedy: string) =>
  failedPrecondition(`${what} is not open to sandboxes`, {
    reason: 'NotAllowed',
    field,
    hint: `the operator can ${remedy} in [openshell.drivers.kubernetes]`,
  });
