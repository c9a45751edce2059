import { isIPv4 } from 'node:net';
import { failedPrecondition, type OpenShellError } from '../../compute/errors.js';

/** A tap device of the host, and what the guest behind it is called. */
export interface GuestLink {
  readonly tap: string;
  /** IPv4 address and prefix length, e.g. `192.0.2.2/24`. */
  readonly address: string;
}

/** The network that guests are given, all of it made by the operator. */
export interface GuestNetwork {
  readonly links: readonly GuestLink[];
  /** Empty: the guest reaches its own network alone. */
  readonly gateway: string;
  readonly nameservers: readonly string[];
}

interface NetworkSettings {
  readonly network_taps: readonly string[];
  readonly network_gateway: string;
  readonly network_dns: readonly string[];
}

/** What Linux takes for a device's name, less what means something to QEMU or a shell. */
const LINK = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,14})=([0-9.]+)\/(\d{1,2})$/;

function refuse(key: keyof NetworkSettings, why: string): OpenShellError {
  return failedPrecondition(`${key} of the vm driver: ${why}`, {
    field: key,
    hint: 'write e.g. network_taps = ["tap0=192.0.2.2/24"], network_gateway = "192.0.2.1"',
  });
}

function toNumber(address: string): number {
  return address.split('.').reduce((value, byte) => value * 256 + Number(byte), 0);
}

function contains(link: GuestLink, address: string): boolean {
  const [own = '', prefix] = link.address.split('/');
  const size = 2 ** (32 - Number(prefix));
  return Math.floor(toNumber(own) / size) === Math.floor(toNumber(address) / size);
}

function readLink(text: string): GuestLink {
  const [, tap = '', address = '', prefix] = LINK.exec(text) ?? [];
  if (tap === '' || !isIPv4(address) || Number(prefix) < 1 || Number(prefix) > 31) {
    throw refuse('network_taps', `'${text}' is no device with an IPv4 address`);
  }
  return { tap, address: `${address}/${prefix}` };
}

function refuseTwice(what: string, values: readonly string[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) {
    throw refuse('network_taps', `the ${what} ${twice} is there twice`);
  }
}

/** Undefined when no guest has a network card. FAILED_PRECONDITION for keys that do not fit together. */
export function readNetwork(settings: NetworkSettings): GuestNetwork | undefined {
  const { network_gateway: gateway, network_dns: nameservers } = settings;
  const links = settings.network_taps.map(readLink);
  refuseTwice(
    'device',
    links.map(({ tap }) => tap),
  );
  refuseTwice(
    'address',
    links.map(({ address }) => address.split('/')[0] as string),
  );
  if (gateway !== '' && !isIPv4(gateway)) {
    throw refuse('network_gateway', `'${gateway}' is no IPv4 address`);
  }
  const outside = links.find((link) => gateway !== '' && !contains(link, gateway));
  if (outside !== undefined) {
    throw refuse('network_gateway', `${gateway} is not in the network of ${outside.tap}`);
  }
  const wrong = nameservers.find((server) => !isIPv4(server));
  if (wrong !== undefined) {
    throw refuse('network_dns', `'${wrong}' is no IPv4 address`);
  }
  if (links.length > 0) {
    return { links, gateway, nameservers };
  }
  if (gateway !== '' || nameservers.length > 0) {
    throw refuse('network_taps', 'there is no device for what is set beside it');
  }
  return undefined;
}
