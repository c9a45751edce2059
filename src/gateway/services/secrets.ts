import { HIDDEN } from '../../store/secrets.js';
import type { Caller } from '../auth/principal.js';

/**
 * Whether a caller reads the environment of what they may read: whoever may exec in a sandbox sees it anyway. Today
 * every user is an administrator and may. What a driver's configuration marks as secret is shown to nobody.
 */
export function maySeeSecrets({ principal }: Caller): boolean {
  return principal.kind === 'user' && principal.roles.includes('platform_admin');
}

/** The names without the values. */
export function hideValues(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(environment).map((name) => [name, HIDDEN]));
}
