import { isListed, notAllowed } from '../../compute/allow-list.js';
import type { KubernetesSettings } from './settings.js';

/** The operator's allow-lists. */
type AllowList = Extract<keyof KubernetesSettings, `allowed_${string}`>;

/**
 * A cluster holds other people's secrets, nodes and networks, so everything needs the operator's consent:
 * FAILED_PRECONDITION `NotAllowed` unless the list has `name`, or a prefix of it and `*`; objects are listed one by one.
 */
export function requireAllowed(
  name: string,
  list: AllowList,
  field: string,
  settings: KubernetesSettings,
): void {
  const allowed = settings[list];
  if (list === 'allowed_objects' ? allowed.includes(name) : isListed(name, allowed)) {
    return;
  }
  throw notAllowed(field, `'${name}'`, list, 'kubernetes');
}
