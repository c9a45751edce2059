export type MethodKind = 'unary' | 'server_streaming' | 'client_streaming' | 'bidi_streaming';

/** What gRPC has to know of a method before any message is read. */
export interface MethodShape {
  /** As on the wire, for example `GetSandbox`. */
  readonly name: string;
  /** HTTP/2 path, for example `/openshell.v1.OpenShell/GetSandbox`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export function methodShape(service: string, name: string, kind: MethodKind): MethodShape {
  return {
    name,
    path: `/${service}/${name}`,
    requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
    responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
  };
}
