import { failedPrecondition, type OpenShellError } from './errors.js';

/** Whether an operator's list contains this name, or a prefix of it followed by `*`. */
export function isListed(name: string, list: readonly string[]): boolean {
  return list.some((entry) => (entry.endsWith('*') ? name.startsWith(entry.slice(0, -1)) : name === entry));
}

/** The error for what an operator has not listed; `key` is the setting that would allow it. */
export function notAllowed(field: string, what: string, key: string, driver: string): OpenShellError {
  return failedPrecondition(`${field}: ${what} is not allowed here`, {
    reason: 'NotAllowed',
    field,
    hint: `the operator allows it with ${key} in [openshell.drivers.${driver}]`,
  });
}
