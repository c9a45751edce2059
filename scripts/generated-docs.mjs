// Writes the generated parts of the documents from the build: `node scripts/generated-docs.mjs [--check]`.
//   docs/configuration.md  the keys, between its marks; the table of a driver that is not built is unchanged
//   docs/reasons.md        every reason of an error
//   docs/metrics.md        every metric
//   docs/rpcs.md           which RPCs are served, by generation
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

function at(path) {
  return new URL(`../${path}`, import.meta.url);
}

function load(path) {
  return import(at(`dist/${path}`));
}

const { describeDriverKeys, describeGatewayKeys } = await load('config/describe.js');
const { KNOWN_DRIVERS } = await load('compute/known-parts.js');

function code(text) {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``;
}

/** A default as a value, or as words if it is computed at startup. */
function fallback(text) {
  return /^(["[{\d]|true$|false$|sqlite:)/.test(text) ? code(text) : text;
}

/** Columns are padded as the formatter pads them. */
function table(items, head, cells) {
  const rows = [head, head.map(() => ''), ...items.map((item) => cells(item).map((cell) => cell.trimEnd()))];
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  return rows
    .map((row, i) => row.map((cell, column) => cell.padEnd(widths[column], i === 1 ? '-' : ' ')))
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

function gatewayTable() {
  return table(
    describeGatewayKeys(),
    ['key', 'type', 'default', 'flag', 'environment', 'what it is'],
    (key) => [
      code(key.key),
      key.type.replaceAll('|', '\\|'),
      fallback(key.default),
      key.flags.map(code).join(', '),
      code(key.env ?? ''),
      key.doc,
    ],
  );
}

function driverTable(entry) {
  const prefix = `openshell.drivers.${entry.name}.`;
  return table(describeDriverKeys(entry), ['key', 'type', 'default', 'what it is'], (key) => [
    code(key.key.slice(prefix.length)),
    key.type.replaceAll('|', '\\|'),
    fallback(key.default),
    key.doc,
  ]);
}

function fill(text, name, content) {
  const [start, end] = [`<!-- keys of ${name}: generated -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`docs/configuration.md lacks the lines "${start}" and "${end}"`);
  }
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}

async function configuration() {
  let text = fill(readFileSync(at('docs/configuration.md'), 'utf8'), 'gateway', gatewayTable());
  for (const { name } of KNOWN_DRIVERS) {
    const path = `drivers/${name}/entry.js`;
    if (existsSync(at(`dist/${path}`))) {
      text = fill(text, name, driverTable((await load(path)).default));
    }
  }
  return text;
}

function page(title, about, ...parts) {
  return `# ${title}\n\n${about}\n\nWritten by \`npm run generated-docs\`.\n\n${parts.join('\n\n')}\n`;
}

async function reasons() {
  const { REASONS } = await load('compute/reasons.js');
  const sorted = Object.entries(REASONS).sort(([a], [b]) => (a < b ? -1 : 1));
  return page(
    'Reasons',
    'Every error has a gRPC code and most have a reason, a stable word that programs may rely on. It is in the details of ' +
      'a refused call (`google.rpc.ErrorInfo`, [generations.md](generations.md)), in the log, before the text of a ' +
      'program that does not start (`error[InvalidConfig]: ...`), and in the condition of a sandbox that the error ' +
      'ended. A driver in its own process, and an engine, may have reasons that are not listed here.',
    table(sorted, ['reason', 'what it means and what to do'], ([reason, meaning]) => [code(reason), meaning]),
  );
}

async function metrics() {
  const { createGatewayMetrics } = await load('gateway/observe/gateway-metrics.js');
  const none = { store: {}, drivers: new Map(), flavor: {}, strays: () => [], load: () => [] };
  return page(
    'Metrics',
    'Served as Prometheus text at `/metrics` of `openshell.gateway.metrics_bind_address`.',
    table(createGatewayMetrics(none).describe(), ['metric', 'type', 'labels', 'what it counts'], (metric) => [
      code(metric.name),
      metric.type,
      metric.labels.map(code).join(', '),
      metric.help,
    ]),
  );
}

async function rpcs() {
  const [{ rpcs: old }, { rpcs: all }] = await Promise.all([
    load('wire/v00/rpcs.js'),
    load('wire/v01/rpcs.js'),
  ]);
  const [{ sharedMethods }, { v00Methods }, { v01Methods }, { methodAccess }] = await Promise.all([
    load('gateway/api/shared/methods.js'),
    load('gateway/api/v00/methods.js'),
    load('gateway/api/v01/methods.js'),
    load('gateway/auth/methods.js'),
  ]);
  // Methods destructure services when they are created but call them only when they are called.
  const services = new Proxy({}, { get: () => new Proxy({}, { get: () => () => {} }) });
  const paths = (methods) => new Set(methods.map((method) => method.path));
  const shared = paths(sharedMethods(services));
  const own = { '0.0': paths(v00Methods(services)), 0.1: paths(v01Methods(services)) };
  const known = { '0.0': paths(old), 0.1: paths(all) };
  const WHO = { anyone: 'anyone', user: 'users', sandbox: 'sandboxes', either: 'users and sandboxes' };
  const served = (path, generation) => {
    if (!known[generation].has(path)) {
      return '';
    }
    return shared.has(path) || own[generation].has(path) ? 'served' : 'no';
  };
  const sorted = [...all].sort((a, b) => (a.name < b.name ? -1 : 1));
  return page(
    'RPCs',
    'The methods of `openshell.v1.OpenShell` by generation of the API ([generations.md](generations.md)). Methods that are ' +
      'not served are refused with UNIMPLEMENTED, and those only for sandboxes with PERMISSION_DENIED. An empty field: the ' +
      'generation has no such method. `grpc.health.v1.Health` is fully served, to anyone.',
    table(sorted, ['RPC', '0.0', '0.1', 'for'], ({ name, path }) => [
      code(name),
      served(path, '0.0'),
      served(path, '0.1'),
      WHO[methodAccess(name).who] ?? `${methodAccess(name).who}s`,
    ]),
  );
}

const documents = {
  'docs/configuration.md': await configuration(),
  'docs/reasons.md': await reasons(),
  'docs/metrics.md': await metrics(),
  'docs/rpcs.md': await rpcs(),
};
for (const [path, text] of Object.entries(documents)) {
  const written = existsSync(at(path)) ? readFileSync(at(path), 'utf8') : '';
  if (!process.argv.includes('--check')) {
    writeFileSync(at(path), text);
  } else if (text !== written) {
    console.error(`${path} is out of date; run: npm run generated-docs`);
    process.exitCode = 1;
  }
}
