import { invalidArgument } from '../../compute/errors.js';
import type { Json, JsonObject } from '../../compute/sandbox.js';
import { nearest } from '../../kit/nearest.js';

/** Reads a JSON value. INVALID_ARGUMENT names the field when it has another shape. */
type Shape<T> = (value: Json, field: string) => T;

function wrong(field: string, expected: string) {
  return invalidArgument(`${field}: must be ${expected}`, { field });
}

export const text: Shape<string> = (value, field) => {
  if (typeof value !== 'string' || value === '') {
    throw wrong(field, 'a non-empty string');
  }
  return value;
};

export const flag: Shape<boolean> = (value, field) => {
  if (typeof value !== 'boolean') {
    throw wrong(field, 'true or false');
  }
  return value;
};

export const wholeNumber: Shape<number> = (value, field) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(field, 'a whole number of at least 0');
  }
  return value;
};

export function oneOf<T extends string>(...values: readonly T[]): Shape<T> {
  return (value, field) => {
    if (!(values as readonly Json[]).includes(value)) {
      throw wrong(field, `one of ${values.join(', ')}`);
    }
    return value as T;
  };
}

export function listOf<T>(item: Shape<T>): Shape<T[]> {
  return (value, field) => {
    if (!Array.isArray(value)) {
      throw wrong(field, 'a list');
    }
    return value.map((one, i) => item(one, `${field}[${i}]`));
  };
}

export function mapOf<T>(item: Shape<T>): Shape<Record<string, T>> {
  return (value, field) =>
    Object.fromEntries(
      Object.entries(anyObject(value, field)).map(([key, one]) => [key, item(one, `${field}.${key}`)]),
    );
}

/** An object that Kubernetes itself checks. */
export const anyObject: Shape<JsonObject> = (value, field) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(field, 'an object');
  }
  return value;
};

type Keys = Readonly<Record<string, Shape<unknown>>>;
type Read<K extends Keys> = { [Key in keyof K]?: ReturnType<K[Key]> };

/** An object with these keys and no other, all of them optional. */
export function objectOf<K extends Keys>(keys: K): Shape<Read<K>> {
  return (value, field) => {
    const read: Record<string, unknown> = {};
    for (const [key, one] of Object.entries(anyObject(value, field))) {
      const shape = Object.hasOwn(keys, key) ? keys[key] : undefined;
      const at = field === '' ? key : `${field}.${key}`;
      if (shape === undefined) {
        const meant = nearest(key, Object.keys(keys));
        throw invalidArgument(`${at}: unknown key`, {
          field: at,
          hint: meant ? `did you mean '${meant}'?` : `known keys: ${Object.keys(keys).join(', ')}`,
        });
      }
      read[key] = shape(one, at);
    }
    return read as Read<K>;
  };
}
