import type { Json, JsonObject } from '../compute/sandbox.js';
import type { StoredSandboxSpec } from './model.js';

/** Replaces a value that is not shown. */
export const HIDDEN = '<hidden>';

/** Values below this key are secret. */
const SECRETS_KEY = 'secrets';
/** Keys that say where a secret goes, not what it is. */
const OPEN_KEYS: ReadonlySet<string> = new Set(['env', 'path', 'name']);

/**
 * `driver_config` as it may be shown: everything below a key `secrets` is hidden, except where each secret goes. This
 * depends on the key, not the driver, because the driver may be missing from this build or run in its own process.
 */
export function hideDriverSecrets(config: JsonObject): JsonObject {
  return hideBelow(config, false) as JsonObject;
}

function hideBelow(value: Json, secret: boolean): Json {
  if (Array.isArray(value)) {
    return value.map((item) => hideBelow(item, secret));
  }
  if (value === null || typeof value !== 'object') {
    return secret ? HIDDEN : value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      secret && OPEN_KEYS.has(key) && typeof item === 'string'
        ? item
        : hideBelow(item, secret || key === SECRETS_KEY),
    ]),
  );
}

/** Whether any of it would be hidden. */
export function hasDriverSecrets(config: JsonObject | undefined): boolean {
  return config !== undefined && JSON.stringify(hideDriverSecrets(config)) !== JSON.stringify(config);
}

/** Whether the placeholder of a hidden value was sent back as a value. */
export function holdsHidden(value: Json): boolean {
  if (value === null || typeof value !== 'object') {
    return value === HIDDEN;
  }
  return Object.values(value).some(holdsHidden);
}

/** The parts of a workload that a list leaves out. */
export interface Workload {
  readonly environment: Readonly<Record<string, string>>;
  readonly driverConfig: JsonObject | undefined;
}

export function withoutSecrets<T extends Workload>(workload: T): T {
  return {
    ...workload,
    environment: {},
    driverConfig: workload.driverConfig && hideDriverSecrets(workload.driverConfig),
  };
}

export function specWithoutSecrets(spec: StoredSandboxSpec): StoredSandboxSpec {
  return {
    ...spec,
    environment: {},
    template: withoutSecrets(spec.template),
  };
}
