/** Where a value comes from. */
export type Origin =
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'env'; readonly name: string }
  /** `line`: from 1; undefined when it is not known. */
  | { readonly kind: 'file'; readonly path: string; readonly line: number | undefined }
  | { readonly kind: 'default' };

/** A value and where it comes from. */
export interface Sourced<T> {
  readonly value: T;
  readonly origin: Origin;
}

export const DEFAULT_ORIGIN: Origin = { kind: 'default' };

/** The place at the start of an error: `--port`, `OPENSHELL_SERVER_PORT`, `/etc/gateway.toml:3`. */
export function originPlace(origin: Origin): string {
  switch (origin.kind) {
    case 'flag':
      return `--${origin.name}`;
    case 'env':
      return origin.name;
    case 'file':
      return origin.line === undefined ? origin.path : `${origin.path}:${origin.line}`;
    case 'default':
      return 'default';
  }
}

/** The place with its kind, for `config show`: `flag --port`, `file /etc/gateway.toml:3`. */
export function originText(origin: Origin): string {
  return origin.kind === 'default' ? 'default' : `${origin.kind} ${originPlace(origin)}`;
}
