import { type ListenAddress, parseAddress } from './address.js';
import { type GatewayKey, keyLabel } from './key.js';
import { KEYS } from './keys.js';
import { type Origin, originPlace, type Sourced } from './origin.js';
import type { Report, Values } from './values.js';

/** An address whose host and port may come from different places. */
export interface SourcedAddress {
  readonly value: ListenAddress;
  /** The host's, then the port's if it differs. */
  readonly origins: readonly Origin[];
}

export interface Listeners {
  readonly bindAddress: SourcedAddress;
  readonly healthBindAddress: SourcedAddress | undefined;
  readonly metricsBindAddress: SourcedAddress | undefined;
}

/** The three listeners. Reports conflicting ports of equal precedence, and ports that two listeners share. */
export function resolveListeners(values: Values, report: Report): Listeners {
  const bind = parts(values.bindAddress, values.port, KEYS.bindAddress, report);
  // Both are defined: the key's default has a host and a port.
  const host = bind.host as Sourced<string>;
  const bindAddress = join(host, bind.port as Sourced<number>);
  function optional(
    addresses: readonly Sourced<string>[],
    ports: readonly Sourced<number>[],
    key: GatewayKey,
  ): SourcedAddress | undefined {
    const own = parts(addresses, ports, key, report);
    if (own.port === undefined && own.host !== undefined) {
      const message = 'requires a port, as in 127.0.0.1:8081';
      report({ place: originPlace(own.host.origin), key: keyLabel(key), message });
    }
    if (own.port === undefined || own.port.value === 0) {
      return undefined;
    }
    return join(own.host ?? host, own.port);
  }

  const listeners: Listeners = {
    bindAddress,
    healthBindAddress: optional(values.healthBindAddress, values.healthPort, KEYS.healthBindAddress),
    metricsBindAddress: optional(values.metricsBindAddress, values.metricsPort, KEYS.metricsBindAddress),
  };
  reportSharedPorts(listeners, report);
  return listeners;
}

function join(host: Sourced<string>, port: Sourced<number>): SourcedAddress {
  return {
    value: { host: host.value, port: port.value },
    origins: host.origin === port.origin ? [host.origin] : [host.origin, port.origin],
  };
}

const RANKS = ['flag', 'env', 'file', 'default'] as const;

/** The host and port of highest precedence. A port in an address has the precedence of the address. */
function parts(
  addresses: readonly Sourced<string>[],
  ports: readonly Sourced<number>[],
  key: GatewayKey,
  report: Report,
): { host: Sourced<string> | undefined; port: Sourced<number> | undefined } {
  let host: Sourced<string> | undefined;
  let port: Sourced<number> | undefined;
  for (const rank of RANKS) {
    const address = addresses.find(({ origin }) => origin.kind === rank);
    const parsed = address && parseAddress(address.value);
    const inside =
      address && parsed?.port !== undefined ? { value: parsed.port, origin: address.origin } : undefined;
    const own = ports.find(({ origin }) => origin.kind === rank);
    if (own !== undefined && inside !== undefined && own.value !== inside.value) {
      const message = `the port is ${own.value} here, but ${inside.value} in ${originPlace(inside.origin)}`;
      report({ place: originPlace(own.origin), key: keyLabel(key), message });
    }
    port ??= own ?? inside;
    if (address !== undefined && parsed !== undefined) {
      host ??= { value: parsed.host, origin: address.origin };
    }
  }
  return { host, port };
}

function reportSharedPorts(listeners: Listeners, report: Report): void {
  const named = [
    { key: KEYS.bindAddress.path, listener: listeners.bindAddress },
    { key: KEYS.healthBindAddress.path, listener: listeners.healthBindAddress },
    { key: KEYS.metricsBindAddress.path, listener: listeners.metricsBindAddress },
  ];
  for (const [index, { key, listener }] of named.entries()) {
    const port = listener?.value.port;
    const earlier = named.slice(0, index).find((other) => other.listener?.value.port === port);
    if (listener === undefined || !port || earlier === undefined) {
      continue;
    }
    const place = originPlace(listener.origins.at(-1) as Origin);
    report({ place, key, message: `uses the same port ${port} as ${earlier.key}; use different ports` });
  }
}
