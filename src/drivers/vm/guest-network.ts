import { isIPv4 } from 'node:net';
import { failedPrecondition, type OpenShellError } from '../../compute/errors.js';

/** A tap device of the host, and its guest's address. */
export interface GuestLink {
  readonly tap: string;
  /** IPv4 address and prefix length, e.g. `192.0.2.2/24`. */
  readonly address: string;
}

/** The operator's network for guests. */
export interface GuestNetwork {
  readonly links: readonly GuestLink[];
  /** Empty: the guest only reaches its own network. */
  readonly gateway: string;
  readonly nameservers: readonly string[];
}

interface NetworkSettings {
  readonly network_taps: readonly string[];
  readonly network_gateway: string;
  readonly network_dns: readonly string[];
}

/** Valid Linux device names, except those with a special meaning for QEMU or a shell. */
const LINK = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,14})=([0-9.]+)\/(\d{1,2})$/;

function refuse(key: keyof NetworkSettings, why: string): OpenShellError {
  return failedPrecondition(`${key} of the vm driver: ${why}`, {
    field: key,
    hint: 'e.g. network_taps = ["tap0=192.0.2.2/24"], network_gateway = "192.0.2.1"',
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
    throw refuse('network_taps', `'${text}' is not a device with an IPv4 address`);
  }
  return { tap, address: `${address}/${prefix}` };
}

function refuseTwice(what: string, values: readonly string[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) {
    throw refuse('network_taps', `the ${what} ${twice} is listed twice`);
  }
}

/** Undefined when guests have no network card. FAILED_PRECONDITION for inconsistent keys. */
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
    throw refuse('network_gateway', `'${gateway}' is not an IPv4 address`);
  }
  const outside = links.find((link) => gateway !== '' && !contains(link, gateway));
  if (outside !== undefined) {
    throw refuse('network_gateway', `${gateway} is not in the network of ${outside.tap}`);
  }
  const wrong = nameservers.find((server) => !isIPv4(server));
  if (wrong !== undefined) {
    throw refuse('network_dns', `'${wrong}' is not an IPv4 address`);
  }
  if (links.length > 0) {
    return { links, gateway, nameservers };
  }
  if (gateway !== '' || nameservers.length > 0) {
    throw refuse('network_taps', 'no device is listed, but network_gateway or network_dns is set');
  }
  return undefined;
}
