export type MethodKind = 'unary' | 'server_streaming' | 'client_streaming' | 'bidi_streaming';

/** What gRPC needs to know about a method before any message is read. */
export interface MethodShape<Name extends string = string> {
  /** As on the wire, for example `GetSandbox`. */
  readonly name: Name;
  /** HTTP/2 path, for example `/openshell.v1.OpenShell/GetSandbox`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export function methodShape<Name extends string>(
  service: string,
  name: Name,
  kind: MethodKind,
): MethodShape<Name> {
  return {
    name,
    path: `/${service}/${name}`,
    requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
    responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
  };
}
