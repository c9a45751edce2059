import { invalidArgument } from '../../compute/errors.js';
import type { Json, JsonObject } from '../../compute/sandbox.js';
import { nearest } from '../../kit/nearest.js';

/** Typed access to a JSON object; every method throws INVALID_ARGUMENT with the dotted field when the type is wrong. */
export interface Reader {
  /** The object's own name, e.g. `driver_config.podman.mounts[0]`. */
  readonly field: string;
  string(key: string): string | undefined;
  boolean(key: string): boolean | undefined;
  /** A whole number of at least `min`. */
  integer(key: string, min: number): number | undefined;
  /** Any JSON value. */
  json(key: string): Json | undefined;
  /** Empty when the key is not there. */
  list(key: string): readonly Json[];
}

/** Refuses a value that is no object or has a key that is not among `keys`. */
export function readObject(value: Json, field: string, keys: readonly string[]): Reader {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalidArgument(`${field}: an object is needed`, { field });
  }
  const object: JsonObject = value;
  for (const key of Object.keys(object)) {
    if (keys.includes(key)) {
      continue;
    }
    const meant = nearest(key, keys);
    throw invalidArgument(`${field}.${key}: there is no such key`, {
      field: `${field}.${key}`,
      hint: meant === undefined ? `the keys are ${keys.join(', ')}` : `did you mean '${meant}'?`,
    });
  }
  function wrong(key: string, what: string) {
    return invalidArgument(`${field}.${key}: ${what} is needed`, { field: `${field}.${key}` });
  }

  function own(key: string): Json | undefined {
    return Object.hasOwn(object, key) ? object[key] : undefined;
  }

  return {
    field,
    string(key) {
      const found = own(key);
      if (found === undefined || typeof found === 'string') {
        return found;
      }
      throw wrong(key, 'a string');
    },
    boolean(key) {
      const found = own(key);
      if (found === undefined || typeof found === 'boolean') {
        return found;
      }
      throw wrong(key, 'true or false');
    },
    integer(key, min) {
      const found = own(key);
      if (found === undefined) {
        return found;
      }
      if (typeof found === 'number' && Number.isSafeInteger(found) && found >= min) {
        return found;
      }
      throw wrong(key, `a whole number of at least ${min}`);
    },
    json: own,
    list(key) {
      const found = own(key) ?? [];
      if (Array.isArray(found)) {
        return found;
      }
      throw wrong(key, 'a list');
    },
  };
}
