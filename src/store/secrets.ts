import type { Json, JsonObject } from '../compute/sandbox.js';
import type { StoredSandboxSpec } from './model.js';

/** What stands in the place of a value that is not shown. */
export const HIDDEN = '<hidden>';

/** A driver marks what nobody may read again by the name of the key above it. */
const SECRETS_KEY = 'secrets';
/** What tells where a secret goes, and not what it is. */
const OPEN_KEYS: ReadonlySet<string> = new Set(['env', 'path', 'name']);

/**
 * `driver_config` as it may be read: whatever stands below a key `secrets` is hidden, but for what tells where it goes.
 * It goes by the key and not by the driver, for the driver may be missing from this build, or be a process of its own.
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

/** Whether something of it would be hidden. */
export function hasDriverSecrets(config: JsonObject | undefined): boolean {
  return config !== undefined && JSON.stringify(hideDriverSecrets(config)) !== JSON.stringify(config);
}

/** Whether a value that was hidden came back as if it were one. */
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
