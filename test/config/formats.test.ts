import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHome } from './support.js';

const { load } = createHome();

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((value) => value.trim() !== '');
const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const port = fc.integer({ min: 1, max: 65_535 });
const loopback = fc.constantFrom('127.0.0.1', '127.0.0.9', '::1');

/** The keys of a valid configuration, by section; an undefined key is not written. */
const sections = fc.record({
  'openshell.gateway': fc.record({
    bind_address: fc.option(loopback, { nil: undefined }),
    log_level: fc.constantFrom(undefined, 'trace', 'debug', 'info', 'warn', 'error'),
    compute_drivers: fc.option(fc.uniqueArray(label, { maxLength: 4 }), { nil: undefined }),
    sandbox_namespace: fc.option(label, { nil: undefined }),
    default_image: fc.option(text, { nil: undefined }),
    disable_tls: fc.option(fc.boolean(), { nil: undefined }),
  }),
  'openshell.telemetry': fc.record({
    enabled: fc.option(fc.boolean(), { nil: undefined }),
    endpoint: fc.option(fc.webUrl(), { nil: undefined }),
  }),
  'openshell.gateway.tls': fc.option(fc.record({ cert_path: text, key_path: text, client_ca_path: text }), {
    nil: {},
  }),
  'openshell.drivers.docker': fc.record({
    engine_socket: fc.option(text, { nil: undefined }),
    pids_limit: fc.option(fc.integer({ min: 0, max: 4096 }), { nil: undefined }),
    allow_binds: fc.option(fc.boolean(), { nil: undefined }),
    registries: fc.option(fc.array(text, { maxLength: 4 }), { nil: undefined }),
  }),
  'openshell.drivers.docker.proxy': fc.record({
    url: fc.option(text, { nil: undefined }),
    retries: fc.option(port, { nil: undefined }),
  }),
});

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function render(value: Sections, line: (key: string, value: unknown) => string): string {
  return Object.entries(value)
    .map(([section, keys]) => {
      const lines = Object.entries(keys).map(([key, inner]) => (inner === undefined ? '' : line(key, inner)));
      return [`[${section}]`, ...lines].join('\n');
    })
    .join('\n');
}

/** JSON's notation is TOML's for everything here, but for one control character that JSON leaves bare. */
function toml(value: Sections): string {
  return render(value, (key, inner) => `${key} = ${JSON.stringify(inner).replaceAll('\u007f', '\\u007f')}`);
}

function ini(value: Sections): string {
  return render(value, (key, inner) => {
    if (!Array.isArray(inner)) {
      return `${key} = ${JSON.stringify(inner)}`;
    }
    return inner.length === 0
      ? `${key} =`
      : inner.map((item) => `${key}[] = ${JSON.stringify(item)}`).join('\n');
  });
}

test('a line separator inside a value does not end its line', async () => {
  for (const separator of ['\u2028', '\u2029']) {
    for (const line of [
      `engine_socket = "a${separator}b"`,
      `engine_socket = 'a${separator}b'`,
      `engine_socket = a${separator}b`,
    ]) {
      const { config } = await load({ files: { 'gateway.ini': `[openshell.drivers.docker]\n${line}\n` } });
      assert.equal(config.drivers.get('docker')?.settings.engine_socket, `a${separator}b`, line);
    }
  }
});

test('TOML and INI of the same values give the same configuration', async () => {
  await fc.assert(
    fc.asyncProperty(sections, async (value) => {
      const fromToml = await load({ files: { 'gateway.toml': toml(value as Sections) } });
      const fromIni = await load({ files: { 'gateway.ini': ini(value as Sections) } });
      assert.deepEqual(fromIni.config, fromToml.config);
      assert.equal(
        fromToml.config.drivers.get('docker')?.settings.engine_socket,
        value['openshell.drivers.docker'].engine_socket,
      );
    }),
    { numRuns: 150 },
  );
});

test('INI as people write it', async () => {
  const { config } = await load({
    files: {
      'gateway.ini': [
        '; a comment',
        '[openshell.gateway] # another',
        'compute_drivers = Docker, vm',
        "default_image = 'reg/img:1.10#x' ; a third",
        'disable_tls = YES',
        'sandbox_namespace = null',
        '[openshell.drivers.docker]',
        'registries[] = a,b',
        "registries[] = '7'",
        'pull = "never"',
      ].join('\r\n'),
    },
  });
  assert.deepEqual(config.computeDrivers, ['docker', 'vm']);
  assert.equal(config.defaultImage, 'reg/img:1.10#x');
  assert.equal(config.sandboxNamespace, 'null');
  assert.deepEqual(config.drivers.get('docker')?.settings.registries, ['a,b', '7']);
  assert.equal(config.drivers.get('docker')?.settings.pull, 'never');
});

test('a TOML file may begin with a byte order mark and use inline tables', async () => {
  const { config } = await load({
    files: { 'gateway.toml': '\ufeffopenshell.gateway = { tls = { cert_path = "/c", key_path = "/k" } }\n' },
  });
  assert.equal(config.tls?.certPath, '/c');
});
