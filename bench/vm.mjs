/**
 * The gateway with the vm driver against a bare QEMU of the same machine, alternated, under emulation. Needs
 * test/engines/vm/up; some 2 minutes. What it makes lies in a folder of its own, which is removed at the end with every
 * machine in it.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openApi } from './lib/api.mjs';
import { openBareVm } from './lib/bare-vm.mjs';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { rssMib, startGateway } from './lib/gateway.mjs';
import { report } from './lib/report.mjs';
import { alternate, median, timed } from './lib/samples.mjs';
import { openVmDriver } from './lib/vm-driver.mjs';

const HOME = join(process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test', 'vm');
const BOOTS = 5;
const EXECS = 60;
const BULK_ROUNDS = 3;
const MIB = 32;
const MEMORY_MIB = 192;

const TRUE = ['true'];
const FLOOD = ['dd', 'if=/dev/zero', 'bs=65536', `count=${MIB * 16}`];
const SINK = ['dd', 'of=/dev/null', 'bs=65536'];
function ignore() {}

function both(work) {
  return { gateway: () => work('gateway'), bare: () => work('bare') };
}

function line(what, unit, { gateway, bare }, target) {
  return {
    what,
    unit,
    ours: median(gateway),
    base: median(bare),
    ...target,
  };
}

await withCleanup(async (later) => {
  const dist = buildFlavor('vm');
  const folder = mkdtempSync(join(HOME, 'bench-'));
  later(() => rmSync(folder, { recursive: true, force: true }));
  const gatewayId = randomUUID();
  const guest = join(HOME, 'guest');
  const gateway = await startGateway({
    script: join(dist, 'main.js'),
    folder,
    config: `
[openshell.gateway]
compute_drivers = ["vm"]
default_image = "openshell-test:1"
gateway_id = "${gatewayId}"
[openshell.drivers.vm]
accel = "tcg"
templates = false
vcpus = 1
mem_mib = ${MEMORY_MIB}
overlay_disk_mib = 64
guest_dir = "${guest}"
image_dir = "${join(HOME, 'images')}"
`,
  });
  later(gateway.stop);
  const api = await openApi(dist, gateway.address);
  later(api.close);
  const stateDir = join(folder, 'state/openshell/drivers/vm');
  const sandboxes = join(stateDir, gatewayId, 'sandboxes');
  async function create(name) {
    const id = await api.create(name);
    await api.ready(id);
    const { run } = JSON.parse(readFileSync(join(sandboxes, id, 'sandbox.json'), 'utf8'));
    return { id, name, pid: run.pid };
  }

  function remove({ id, name }) {
    return api.remove(id, name);
  }

  later(async () => {
    const left = await api.client.unary(api.methods.listSandboxes, {});
    for (const { metadata } of left.sandboxes) {
      await remove(metadata);
    }
  });

  // The first one also makes the root disk, which the bare side uses too.
  await remove(await create('first'));
  const [disk] = readdirSync(join(stateDir, 'disks')).filter((name) => name.endsWith('.ext4'));
  const bare = await openBareVm({
    dist,
    folder: join(folder, 'bare'),
    base: join(stateDir, 'disks', disk),
    guest,
    memoryMib: MEMORY_MIB,
  });
  later(bare.close);
  const side = {
    gateway: { create, remove, exec: ({ id }, ...rest) => api.exec(id, ...rest) },
    bare,
  };

  let made = 0;
  async function boot(name) {
    const startedAt = performance.now();
    const machine = await side[name].create(`b${made++}`);
    const ms = performance.now() - startedAt;
    await side[name].remove(machine);
    return ms;
  }

  const boots = await alternate(BOOTS, both(boot));

  side.driver = await openVmDriver({
    dist,
    stateDir: join(folder, 'driver'),
    settings: {
      ...{ accel: 'tcg', templates: false, vcpus: 1, mem_mib: MEMORY_MIB, overlay_disk_mib: 64 },
      ...{ guest_dir: guest, image_dir: join(HOME, 'images') },
    },
  });
  later(side.driver.close);
  const held = {
    gateway: await side.gateway.create('held'),
    driver: await side.driver.create('held'),
    bare: await side.bare.create('held'),
  };
  function exec(name) {
    return timed(() => side[name].exec(held[name], TRUE, ignore));
  }

  function all(work) {
    return { ...both(work), driver: () => work('driver') };
  }

  await alternate(10, all(exec));
  const execs = await alternate(EXECS, all(exec));

  async function output(name) {
    let bytes = 0;
    const ms = await timed(() =>
      side[name].exec(held[name], FLOOD, (data) => {
        bytes += data.length;
      }),
    );
    if (bytes < MIB * 1024 * 1024) {
      throw new Error(`${name}: ${bytes} bytes of ${MIB} MiB arrived`);
    }
    return (MIB * 1000) / ms;
  }

  const outputs = await alternate(BULK_ROUNDS, both(output));
  async function input(name) {
    return (MIB * 1000) / (await timed(() => side[name].exec(held[name], SINK, ignore, MIB * 1024 * 1024)));
  }

  const inputs = await alternate(BULK_ROUNDS, both(input));
  const resident = { gateway: [rssMib(held.gateway.pid)], bare: [rssMib(held.bare.pid)] };

  report({
    name: 'vm',
    about: `machines of ${MEMORY_MIB} MiB, emulated; p50 of ${BOOTS} boots, of ${EXECS} execs, of ${BULK_ROUNDS} bulk runs`,
    base: 'bare QEMU and agent',
    rows: [
      line('create to READY, cold', 'ms', boots, { most: 1.25 }),
      line('exec of true, from the driver', 'ms', { ...execs, gateway: execs.driver }, { most: 1.5 }),
      line('exec of true, from a client of the gateway', 'ms', execs),
      line(`${MIB} MiB of exec output`, 'MiB/s', outputs),
      line(`${MIB} MiB to a command's stdin`, 'MiB/s', inputs),
      line('resident memory of QEMU', 'MiB', resident),
    ],
  });
});
