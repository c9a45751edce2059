import type { SandboxRef } from '../../compute/sandbox.js';

/** Every name that the gateway gives to something on an engine begins with this. */
export const OWN_PREFIX = 'openshell-';

/** The engines' own limit is higher; tools that list containers cut off long before. */
export const MAX_NAME_LENGTH = 200;

/** With every character that an engine does not take in a name replaced by a hyphen. */
export function plainName(part: string): string {
  return part.replace(/[^a-zA-Z0-9_.-]/g, '-');
}

/** `openshell-{workspace}--{name}-{id}`: for people. The driver finds its containers by label, never by name. */
export function containerName({ workspace, name, id }: SandboxRef): string {
  const tail = `-${plainName(id)}`.slice(-100);
  const head = `${OWN_PREFIX}${plainName(workspace)}--${plainName(name)}`;
  return head.slice(0, MAX_NAME_LENGTH - tail.length) + tail;
}
