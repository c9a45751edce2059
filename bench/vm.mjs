/**
 * The vm driver, through its driver process, against a QEMU with the same agent that this file starts itself. Needs
 * test/engines/vm/up and a build; some 2 minutes under emulation. What it makes lies in a folder of its own, which is
 * removed at the end with every machine in it.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execThroughAgent } from '../dist/agent/exec.js';
import { observedState } from '../dist/compute/conditions.js';
import { silentLogger } from '../dist/compute/log.js';
import vm from '../dist/drivers/vm/entry.js';
import { createDriver } from '../dist/drivers/vm/index.js';
import { connectMachine } from '../dist/drivers/vm/process/sandboxes/machine.js';
import { median } from './lib/samples.mjs';

const HOME = join(process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test', 'vm');
const BOOTS = 5;
const EXECS = 40;
const MIB = 32;
const signal = new AbortController().signal;

const settings = {
  ...Object.fromEntries(Object.entries(vm.settings).map(([key, { default: value }]) => [key, value])),
  allow_emulation: true,
  vcpus: 1,
  mem_mib: 192,
  overlay_disk_mib: 64,
  guest_dir: join(HOME, 'guest'),
  image_dir: join(HOME, 'images'),
};

const sandboxOf = () => {
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
};

const specOf = (command) => ({
  command,
  workdir: '',
  environment: {},
  tty: false,
  size: undefined,
  timeoutMs: 0,
  stdin: false,
});

/** Runs a command to its end; ms and bytes. */
const timeExec = async (open) => {
  const began = performance.now();
  const session = await open();
  let bytes = 0;
  for await (const { data } of session.output) bytes += data.length;
  await session.exitCode;
  return { ms: performance.now() - began, bytes };
};

const figuresOf = async (open) => {
  for (let i = 0; i < 5; i++) await timeExec(() => open(['true']));
  const execs = [];
  for (let i = 0; i < EXECS; i++) execs.push((await timeExec(() => open(['true']))).ms);
  const bulk = await timeExec(() => open(['dd', 'if=/dev/zero', 'bs=65536', `count=${MIB * 16}`]));
  return { execMs: median(execs), outMibPerS: MIB / (bulk.ms / 1000) };
};

const stateDir = await mkdtemp(join(HOME, 'bench-'));
const gatewayId = randomUUID();
const context = {
  gatewayId,
  version: 'bench',
  sandboxNamespace: 'bench',
  stateDir,
  settings,
  env: process.env,
  endpoint: '',
  log: silentLogger,
};
const folder = join(stateDir, gatewayId, 'sandboxes');
const recordOf = async (id) => JSON.parse(await readFile(join(folder, id, 'sandbox.json'), 'utf8'));
let driver = await createDriver(context);
try {
  const boots = [];
  let last;
  for (let i = 0; i <= BOOTS; i++) {
    if (last !== undefined) await driver.delete(last, { signal });
    last = sandboxOf();
    const began = performance.now();
    await driver.create(last, { signal });
    for (;;) {
      const { kind, message } = observedState((await driver.get(last, { signal })).status);
      if (kind === 'running') break;
      if (kind !== 'provisioning') throw new Error(`${kind}: ${message}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // The first one also makes the root disk.
    if (i > 0) boots.push(performance.now() - began);
  }
  const through = await figuresOf((command) => driver.access.exec(last, specOf(command), { signal }));
  const { run } = await recordOf(last.id);
  const rssKib = Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${run.pid}/status`, 'utf8'))?.[1]);
  // The same machine, with nothing between it and us.
  await driver.close();
  driver = undefined;
  const directory = join(folder, last.id, 'vm');
  const name = `openshell-${last.id}`;
  const machine = await connectMachine({ pid: run.pid, name, directory, resume: true, signal });
  const defaults = { environment: {}, user: '', workdir: '/sandbox' };
  const bare = await figuresOf((command) =>
    execThroughAgent(machine.channel, specOf(command), defaults, signal),
  );
  await machine.kill();
  console.log(`cold create to running, p50 of ${BOOTS}: ${Math.round(median(boots))} ms`);
  console.log(
    `exec of true, p50: ${through.execMs.toFixed(1)} ms; bare channel ${bare.execMs.toFixed(1)} ms`,
  );
  console.log(
    `output: ${through.outMibPerS.toFixed(1)} MiB/s; bare channel ${bare.outMibPerS.toFixed(1)} MiB/s`,
  );
  console.log(
    `resident memory of QEMU: ${Math.round(rssKib / 1024)} MiB for a machine of ${settings.mem_mib} MiB`,
  );
} finally {
  await driver?.close();
  for (const id of await readdir(folder).catch(() => [])) {
    const { run } = await recordOf(id).catch(() => ({}));
    const line = await readFile(`/proc/${run?.pid}/cmdline`, 'latin1').catch(() => '');
    if (line.includes(`openshell-${id}`)) process.kill(run.pid, 'SIGKILL');
  }
  await rm(stateDir, { recursive: true, force: true });
}
