import { parseAddress } from './address.js';
import type { ValueOf } from './check-value.js';
import { fileKey, type GatewayKey, processKey } from './key.js';
import { quote } from './value-text.js';

const DEFAULT_BIND_ADDRESS = '127.0.0.1:17670';
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Normalizes `compute_drivers`: trimmed, in lower case. */
export function driverNames(names: readonly string[]): readonly string[] {
  return names.map((name) => name.trim().toLowerCase());
}

function checkAddress(text: string): string | undefined {
  return parseAddress(text) === undefined
    ? `must be an IP address with or without a port, as in ${DEFAULT_BIND_ADDRESS}, not ${quote(text)}`
    : undefined;
}

function checkDriverNames(names: readonly string[]): string | undefined {
  const normal = driverNames(names);
  const bad = normal.find((name) => !/^[a-z0-9_-]+$/.test(name));
  if (bad !== undefined) {
    return `a driver's name consists of A-Z a-z 0-9 _ and -, not ${quote(bad)}`;
  }
  const twice = normal.find((name, i) => normal.indexOf(name) !== i);
  return twice === undefined ? undefined : `names the driver ${quote(twice)} twice`;
}

function checkDnsLabel(name: string): string | undefined {
  return DNS_LABEL.test(name)
    ? undefined
    : `must be 1 to 63 characters a-z 0-9 and -, not beginning or ending with -, not ${quote(name)}`;
}

/** The store checks the rest. */
function checkDatabaseUrl(url: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(url) ? undefined : 'must be a URL such as sqlite:PATH';
}

function checkEndpoint(url: string): string | undefined {
  if (url.trim() === '') {
    return undefined;
  }
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  return ['http:', 'https:'].includes(protocol) ? undefined : 'must be an http:// or https:// URL';
}

function notBlank(text: string): string | undefined {
  return text.trim() === '' ? 'must not be blank' : undefined;
}

function isNotOff(text: string): boolean {
  return !['0', 'false', 'no', 'off'].includes(text.trim().toLowerCase());
}

function port(doc: string) {
  return { type: 'integer', min: 0, max: 65_535, doc } as const;
}

/**
 * Every key of the gateway. Parsing, checks, `--help`, `config show` and the documentation use this table; the keys of a
 * driver are in its entry.
 */
// biome-ignore format: one paragraph per key, first its setting, then where it can be set
export const KEYS = {
  configFile: processKey({ type: 'string', doc: 'The configuration file, .toml or .ini.' },
    { flag: 'config', env: 'OPENSHELL_GATEWAY_CONFIG', check: notBlank, defaultText: '$XDG_CONFIG_HOME/openshell/gateway.toml, else gateway.ini' }),
  version: fileKey('openshell.version', { type: 'integer', min: 0, max: 1, doc: 'The version of the file format.' }),
  bindAddress: fileKey('openshell.gateway.bind_address', { type: 'string', default: DEFAULT_BIND_ADDRESS, doc: 'Where the API listens: an IP address, with or without a port.' },
    { flag: 'bind-address', env: 'OPENSHELL_BIND_ADDRESS', check: checkAddress }),
  port: processKey(port('The port of bind_address; 0: any free port.'),
    { flag: 'port', env: 'OPENSHELL_SERVER_PORT', defaultText: 'that of bind_address' }),
  healthBindAddress: fileKey('openshell.gateway.health_bind_address', { type: 'string', doc: 'Where /healthz and /readyz are served. Default: nowhere.' },
    { check: checkAddress }),
  healthPort: processKey(port('The port of health_bind_address, on the API\'s IP address if that key is not set; 0: off.'),
    { flag: 'health-port', env: 'OPENSHELL_HEALTH_PORT', defaultText: 'that of health_bind_address' }),
  metricsBindAddress: fileKey('openshell.gateway.metrics_bind_address', { type: 'string', doc: 'Where /metrics is served. Default: nowhere.' },
    { check: checkAddress }),
  metricsPort: processKey(port('The port of metrics_bind_address, on the API\'s IP address if that key is not set; 0: off.'),
    { flag: 'metrics-port', env: 'OPENSHELL_METRICS_PORT', defaultText: 'that of metrics_bind_address' }),
  logLevel: fileKey('openshell.gateway.log_level', { type: 'string', values: ['trace', 'debug', 'info', 'warn', 'error'], default: 'info', doc: 'The lowest level that is logged.' },
    { flag: 'log-level', env: 'OPENSHELL_LOG_LEVEL' }),
  computeDrivers: fileKey('openshell.gateway.compute_drivers', { type: 'strings', default: [], doc: 'The compute drivers to run, the default one first. Empty: detect one on this host.' },
    { flag: 'drivers', alias: 'driver', env: 'OPENSHELL_DRIVERS', check: checkDriverNames }),
  computeDriverSocket: processKey({ type: 'string', doc: 'The gRPC socket of a driver in another process; requires exactly one driver name.' },
    { flag: 'compute-driver-socket', env: 'OPENSHELL_COMPUTE_DRIVER_SOCKET', check: notBlank }),
  sandboxNamespace: fileKey('openshell.gateway.sandbox_namespace', { type: 'string', default: 'default', doc: 'The value of the label openshell.ai/sandbox-namespace. Pods go to the namespace of the Kubernetes driver.' },
    { check: checkDnsLabel }),
  defaultImage: fileKey('openshell.gateway.default_image', { type: 'string', doc: 'The image of sandboxes whose template has none. Without it such creates are refused, unless the driver has a default image.' },
    { check: notBlank }),
  maxOperations: fileKey('openshell.gateway.max_operations', { type: 'integer', min: 1, max: 1_000, default: 16, doc: 'Concurrent creates, starts, stops and deletes per driver; a quarter is reserved for stops and deletes.' }),
  maxPendingCreates: fileKey('openshell.gateway.max_pending_creates', { type: 'integer', min: 1, max: 100_000, default: 1_024, doc: 'Running and waiting creates per driver; more are refused with RESOURCE_EXHAUSTED.' }),
  gatewayId: fileKey('openshell.gateway.gateway_id', { type: 'string', doc: 'Marks everything that this gateway creates on an engine. Can be set before the first start, not changed later.' },
    { check: checkDnsLabel, defaultText: 'a random UUID, created at the first start' }),
  secretKeyPath: fileKey('openshell.gateway.secret_key_path', { type: 'string', doc: 'The file of this gateway\'s secret key, created at the first start. Back it up with the database, which cannot be used without it.' },
    { check: notBlank, defaultText: 'secret.key in the folder of the database' }),
  databaseUrl: processKey({ type: 'string', doc: 'The URL of the database; its scheme selects the store, as in sqlite:PATH.' },
    { flag: 'db-url', env: 'OPENSHELL_DB_URL', check: checkDatabaseUrl, defaultText: 'sqlite:$XDG_STATE_HOME/openshell/gateway/openshell.db' }),
  adoptDatabase: processKey({ type: 'string', doc: 'Confirms that the database was moved or copied: the word from the error of the refused start, valid for this place only.' },
    { flag: 'adopt-database', env: 'OPENSHELL_ADOPT_DATABASE', check: notBlank }),
  tlsCert: fileKey('openshell.gateway.tls.cert_path', { type: 'string', doc: 'The server certificate with its chain, PEM. Enables TLS.' },
    { flag: 'tls-cert', env: 'OPENSHELL_TLS_CERT', check: notBlank }),
  tlsKey: fileKey('openshell.gateway.tls.key_path', { type: 'string', doc: 'The key of the server certificate, PEM.' },
    { flag: 'tls-key', env: 'OPENSHELL_TLS_KEY', check: notBlank }),
  tlsClientCa: fileKey('openshell.gateway.tls.client_ca_path', { type: 'string', doc: 'The CA of client certificates, PEM. When set, every client needs a certificate, and its CN is the user.' },
    { flag: 'tls-client-ca', env: 'OPENSHELL_TLS_CLIENT_CA', check: notBlank }),
  tlsClientCrl: fileKey('openshell.gateway.tls.client_crl_path', { type: 'string', doc: 'The revocation lists of the client CA and its intermediate CAs, PEM. With an expired list all clients are refused.' },
    { check: notBlank }),
  requireClientAuth: fileKey('openshell.gateway.tls.require_client_auth', { type: 'boolean', doc: 'Whether clients need a certificate. Must be true with client_ca_path and false without.' },
    { defaultText: 'true with client_ca_path' }),
  disableTls: fileKey('openshell.gateway.disable_tls', { type: 'boolean', default: false, doc: 'Serve plaintext, even when certificates are set or the listener is not on loopback.' },
    { flag: 'disable-tls', env: 'OPENSHELL_DISABLE_TLS' }),
  allowUnauthenticatedUsers: fileKey('openshell.gateway.auth.allow_unauthenticated_users', { type: 'boolean', default: false, doc: 'Allow everyone who can reach a listener that is not on loopback to administer this gateway.' }),
  httpAllowedHosts: fileKey('openshell.gateway.http_allowed_hosts', { type: 'strings', default: [], doc: 'Host names that requests to the health and metrics listeners may use. Addresses are always allowed.' }),
  maxConnections: fileKey('openshell.gateway.limits.max_connections', { type: 'integer', min: 1, max: 65_536, default: 1024, doc: 'Connections to the API in total.' }),
  maxConnectionsPerAddress: fileKey('openshell.gateway.limits.max_connections_per_address', { type: 'integer', min: 1, max: 65_536, default: 512, doc: 'Connections to the API from one IP address.' }),
  maxStreamsPerUser: fileKey('openshell.gateway.limits.max_streams_per_user', { type: 'integer', min: 1, max: 1_000_000, default: 1000, doc: 'Open watches, execs and other streams of one user.' }),
  stalledStreamSecs: fileKey('openshell.gateway.limits.stalled_stream_secs', { type: 'integer', min: 1, max: 86_400, unit: 'seconds', default: 600, doc: 'How long a stream waits for a client that reads nothing. Then the stream and its exec are ended.' }),
  telemetryEnabled: fileKey('openshell.telemetry.enabled', { type: 'boolean', default: true, doc: 'Whether events are sent. The environment variable turns it off with 0, false, no or off.' },
    { env: 'OPENSHELL_TELEMETRY_ENABLED', fromText: isNotOff }),
  telemetryEndpoint: fileKey('openshell.telemetry.endpoint', { type: 'string', doc: 'Where events are sent. Default, or blank: nowhere.' },
    { env: 'OPENSHELL_TELEMETRY_ENDPOINT', keepBlank: true, check: checkEndpoint }),
} as const satisfies Readonly<Record<string, GatewayKey>>;

export type KeyName = keyof typeof KEYS;
export type KeyValue<N extends KeyName> = ValueOf<(typeof KEYS)[N]['setting']>;

export const KEY_NAMES = Object.keys(KEYS) as readonly KeyName[];

/** A key without its exact types. */
export function gatewayKey(name: KeyName): GatewayKey {
  return KEYS[name];
}

/** Keys of files for other gateways, and what to use instead. */
export const REFUSED_KEYS: Readonly<Record<string, string>> = {
  'openshell.gateway.database_url':
    'not a key of the file, which may be world-readable; use --db-url or OPENSHELL_DB_URL',
};
