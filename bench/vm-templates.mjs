/**
 * The vm driver with templates against the same driver without, in turns: machines restored from a template against
 * machines that boot. Needs test/engines/vm/up; a minute or two under emulation. What it makes lies in a folder of its
 * own, which is removed at the end with every machine in it.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { rssMib } from './lib/gateway.mjs';
import { report } from './lib/report.mjs';
import { alternate, median } from './lib/samples.mjs';

const HOME = join(process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test', 'vm');
const ROUNDS = 5;
const POLL_MS = 5;
const TEMPLATE_TIMEOUT_MS = 120_000;
const signal = new AbortController().signal;

const dist = buildFlavor('vm');
function load(path) {
  return import(pathToFileURL(join(dist, path)).href);
}

const [{ default: vm }, { createDriver }, { observedState }, { silentLogger }] = await Promise.all(
  ['drivers/vm/entry.js', 'drivers/vm/index.js', 'compute/conditions.js', 'compute/log.js'].map(load),
);

const settings = {
  ...Object.fromEntries(Object.entries(vm.settings).map(([key, { default: value }]) => [key, value])),
  allow_emulation: true,
  vcpus: 1,
  mem_mib: 192,
  overlay_disk_mib: 64,
  guest_dir: join(HOME, 'guest'),
  image_dir: join(HOME, 'images'),
};

function sandboxOf() {
  const id = randomUUID();
  const resources = { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' };
  const template = {
    image: 'openshell-test:1',
    labels: {},
    environment: {},
    resources,
    platformConfig: {},
    driverConfig: {},
  };
  const spec = { logLevel: '', environment: {}, gpu: undefined, command: [], tty: false, template };
  return { id, name: `b-${id.slice(0, 8)}`, workspace: 'default', namespace: 'bench', spec };
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const stateDir = mkdtempSync(join(HOME, 'bench-'));

async function open(templates) {
  const gatewayId = randomUUID();
  const driver = await createDriver({
    gatewayId,
    version: 'bench',
    sandboxNamespace: 'bench',
    stateDir,
    settings: { ...settings, templates },
    env: process.env,
    endpoint: '',
    log: silentLogger,
  });
  return { driver, folder: join(stateDir, gatewayId, 'sandboxes') };
}

async function running({ driver }, sandbox) {
  for (;;) {
    const { kind, message } = observedState((await driver.get(sandbox, { signal })).status);
    if (kind === 'running') {
      return;
    }
    if (kind !== 'provisioning') {
      throw new Error(`${kind}: ${message}`);
    }
    await sleep(POLL_MS);
  }
}

/** Create, stop, start, delete: the ms of both starts until the main process runs, and what QEMU has resident. */
async function life(side) {
  const sandbox = sandboxOf();
  const began = performance.now();
  await side.driver.create(sandbox, { signal });
  await running(side, sandbox);
  const createMs = performance.now() - began;
  const { run } = JSON.parse(readFileSync(join(side.folder, sandbox.id, 'sandbox.json'), 'utf8'));
  const restored = readFileSync(`/proc/${run.pid}/cmdline`, 'latin1').includes('-incoming');
  const residentMib = rssMib(run.pid);
  await side.driver.stop(sandbox, { signal });
  const again = performance.now();
  await side.driver.start(sandbox, { signal });
  await running(side, sandbox);
  const startMs = performance.now() - again;
  await side.driver.delete(sandbox, { signal });
  return { createMs, startMs, residentMib, restored };
}

async function templateIsReady() {
  const until = performance.now() + TEMPLATE_TIMEOUT_MS;
  while (!readdirSync(join(stateDir, 'templates')).some((name) => !name.startsWith('.'))) {
    if (performance.now() > until) {
      throw new Error('no template was made');
    }
    await sleep(100);
  }
}

/** Once its driver is closed: an interrupted run leaves a machine that runs on. */
function endMachines({ folder }) {
  for (const id of readdirSync(folder)) {
    const { run } = JSON.parse(readFileSync(join(folder, id, 'sandbox.json'), 'utf8'));
    const line = existsSync(`/proc/${run?.pid}/cmdline`)
      ? readFileSync(`/proc/${run.pid}/cmdline`, 'latin1')
      : '';
    if (line.includes(`openshell-${id}`)) {
      process.kill(run.pid, 'SIGKILL');
    }
  }
}

function pick(samples, key) {
  return {
    ours: median(samples.template.map((one) => one[key])),
    base: median(samples.cold.map((one) => one[key])),
  };
}

await withCleanup(async (later) => {
  later(() => rmSync(stateDir, { recursive: true, force: true }));
  const sides = { template: await open(true), cold: await open(false) };
  for (const side of Object.values(sides)) {
    later(() => endMachines(side));
    later(() => side.driver.close());
  }
  // Root disk and template are made; what follows finds both.
  await life(sides.template);
  await templateIsReady();
  await life(sides.template);
  const samples = await alternate(ROUNDS, {
    template: () => life(sides.template),
    cold: () => life(sides.cold),
  });
  if (!samples.template.every(({ restored }) => restored)) {
    throw new Error('a machine was not restored');
  }
  if (samples.cold.some(({ restored }) => restored)) {
    throw new Error('a machine did not boot');
  }
  report({
    name: 'vm-templates',
    about: `a machine of ${settings.mem_mib} MiB from a template, p50 of ${ROUNDS}`,
    base: 'cold boot',
    rows: [
      { what: 'create until its main process runs', unit: 'ms', ...pick(samples, 'createMs'), most: 0.25 },
      {
        what: 'start after a stop, until it runs again',
        unit: 'ms',
        ...pick(samples, 'startMs'),
        most: 0.25,
      },
      { what: 'resident memory of QEMU', unit: 'MiB', ...pick(samples, 'residentMib') },
    ],
  });
});
