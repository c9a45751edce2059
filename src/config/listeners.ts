import { type ListenAddress, parseAddress } from './address.js';
import { type GatewayKey, keyLabel } from './key.js';
import { KEYS } from './keys.js';
import { type Origin, originPlace, type Sourced } from './origin.js';
import type { Report, Values } from './values.js';

/** An address put together from the places that give its host and its port. */
export interface SourcedAddress {
  readonly value: ListenAddress;
  /** The host's, then the port's when it is another. */
  readonly origins: readonly Origin[];
}

export interface Listeners {
  readonly bindAddress: SourcedAddress;
  readonly healthBindAddress: SourcedAddress | undefined;
  readonly metricsBindAddress: SourcedAddress | undefined;
}

/** The three listeners; reports a port that two places of one rank disagree on, and one that two listeners share. */
export function resolveListeners(values: Values, report: Report): Listeners {
  const bind = parts(values.bindAddress, values.port, KEYS.bindAddress, report);
  // Both are there: the key's default has a host and a port.
  const host = bind.host as Sourced<string>;
  const bindAddress = join(host, bind.port as Sourced<number>);
  function optional(
    addresses: readonly Sourced<string>[],
    ports: readonly Sourced<number>[],
    key: GatewayKey,
  ): SourcedAddress | undefined {
    const own = parts(addresses, ports, key, report);
    if (own.port === undefined && own.host !== undefined) {
      const message = 'needs a port, as in 127.0.0.1:8081';
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

/** The host and the port of highest rank. A port of its own and one inside an address have the same rank. */
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
      const other = `${originPlace(inside.origin)} says ${inside.value}`;
      report({
        place: originPlace(own.origin),
        key: keyLabel(key),
        message: `the port is ${own.value} here, but ${other}`,
      });
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
    report({
      place,
      key: key ?? '',
      message: `has the port ${port} of ${earlier.key}; give each listener its own`,
    });
  }
}
