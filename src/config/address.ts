import { isIP, isIPv6 } from 'node:net';

export interface ListenAddress {
  /** An IP address. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** An IP address with or without a port, e.g. `127.0.0.1`, `127.0.0.1:17670`, `::1`, `[::1]:17670`. */
type AddressText = { readonly host: string; readonly port: number | undefined };

/** Undefined when the text has neither form, e.g. for a host name. */
export function parseAddress(text: string): AddressText | undefined {
  const trimmed = text.trim();
  if (isIP(trimmed) !== 0) {
    return { host: trimmed, port: undefined };
  }
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(trimmed);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined || isIP(host) === 0) {
    return undefined;
  }
  if ((match[1] !== undefined) !== isIPv6(host)) {
    return undefined;
  }
  const port = match[3] === undefined ? undefined : Number(match[3]);
  return port !== undefined && port > 65_535 ? undefined : { host, port };
}

export function formatAddress({ host, port }: ListenAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
