import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { VM_HOME, vmBed } from '../conformance/vm-bed.js';
import { skipWithout } from '../support/engines.js';
import { growthDuring } from '../support/growth.js';
import { eventually } from '../support/wait.js';
import { makeHostileGuest } from './hostile-guest.js';
import { cli, type GatewayProcess, startGatewayProcess } from './process.js';
import { vmProcesses } from './vm-processes.js';

const PATIENCE_MS = 90_000;
/** Far below what a guest could push in the time, far above what a heap is larger for a moment. */
const MOST_GROWTH_MIB = 64;
const DISK_MIB = 64;
const ATTACK_SECS = 3;

const home = join(VM_HOME, `hostile-${process.pid}`);
const stateHome = join(home, 'state');
const stateDir = join(stateHome, 'openshell/drivers/vm');
const bed = vmBed([stateDir]);
const skip = skipWithout('vm', await bed.unavailable());

/** What a hostile agent can do, whether the caller hears anything, and whether it is a breach that ends the machine. */
const ATTACKS = [
  { word: 'hostile-flood', what: 'floods its channel', heard: true, ends: true },
  { word: 'hostile-garbage', what: 'sends garbage', heard: false, ends: true },
  { word: 'hostile-claim', what: 'claims a frame of 4 GiB', heard: false, ends: true },
  { word: 'hostile-crumbs', what: 'sends a byte a frame', heard: true, ends: false },
  { word: 'hostile-mute', what: 'never answers', heard: false, ends: false },
] as const;

describe('a hostile guest in a real machine', { skip, timeout: 600_000 }, () => {
  const gatewayId = randomUUID();
  let gateway: GatewayProcess;
  let pids: number[];

  const openshell = (...args: string[]) => cli(gateway, home, args);
  const sandbox = async (name: string) => (await gateway.client.unary(api.getSandbox, { name })).sandbox;
  const inPhase = async (name: string, phase: SandboxPhase) => {
    let last: Awaited<ReturnType<typeof sandbox>>;
    try {
      await eventually(
        `${name} is in phase ${SandboxPhase[phase]}`,
        async () => {
          last = await sandbox(name);
          return last?.status?.phase === phase;
        },
        PATIENCE_MS,
      );
    } catch (cause) {
      throw new Error(`${name}: ${JSON.stringify(last?.status?.conditions)}`, { cause });
    }
  };

  before(async () => {
    await mkdir(home, { recursive: true });
    const guest = join(VM_HOME, 'guest');
    const initramfs = await makeHostileGuest(home, join(guest, 'initramfs'));
    gateway = await startGatewayProcess({
      folder: home,
      config: `
[openshell.gateway]
compute_drivers = ["vm"]
default_image = "${bed.images.shell}"
gateway_id = "${gatewayId}"
[openshell.drivers.vm]
accel = "tcg"
templates = false
vcpus = 1
mem_mib = 160
overlay_disk_mib = ${DISK_MIB}
boot_timeout_secs = 90
kernel = "${join(guest, 'vmlinux')}"
initramfs = "${initramfs}"
image_dir = "${join(VM_HOME, 'images')}"
`,
    });
    const names = ['neighbour', 'filler', ...ATTACKS.map(({ word }) => word)];
    await Promise.all(names.map((name) => gateway.client.unary(api.createSandbox, { name })));
    await Promise.all(names.map((name) => inPhase(name, SandboxPhase.READY)));
    const driver = (await vmProcesses(stateHome)).find(({ kind }) => kind === 'driver');
    pids = [gateway.pid, driver?.pid ?? 0];
  });
  after(async () => {
    await gateway?.stop();
    await bed.cleanup(gatewayId);
    await rm(home, { recursive: true, force: true });
  });

  /** What a neighbour can tell: it is the same machine, and its commands run. */
  const neighbourAsItWas = async (instance: string | undefined) => {
    const ran = await openshell('sandbox', 'exec', '-n', 'neighbour', '--', 'echo', 'well');
    assert.deepEqual(ran, { exitCode: 0, stdout: 'well\n', stderr: '' });
    assert.equal((await sandbox('neighbour'))?.status?.mainProcessInstanceId, instance);
  };

  for (const { word, what, heard, ends } of ATTACKS) {
    test(`one that ${what} costs the gateway no memory and the others nothing`, async (t) => {
      const instance = (await sandbox('neighbour'))?.status?.mainProcessInstanceId;
      const growth = await growthDuring(pids, async () => {
        // Its first answer is taken and no more: what it sends then waits somewhere, or it is held back.
        const sandboxId = (await sandbox(word))?.metadata?.id ?? '';
        const attack = gateway.client.serverStream(api.execSandbox, {
          sandboxId,
          command: [word],
          timeoutSeconds: ATTACK_SECS,
        });
        const answers = attack[Symbol.asyncIterator]();
        const answered = answers.next().then(
          () => true,
          () => false,
        );
        await neighbourAsItWas(instance);
        assert.equal(await answered, heard);
        if (ends) {
          await inPhase(word, SandboxPhase.STOPPED);
        }
        await neighbourAsItWas(instance);
        await answers.return?.(undefined);
      });
      t.diagnostic(`largest growth: gateway ${growth[0]} MiB, driver process ${growth[1]} MiB`);
      assert.ok(
        growth.every((mib) => mib < MOST_GROWTH_MIB),
        `MiB: ${growth}`,
      );
      const deleted = await openshell('sandbox', 'delete', word);
      assert.equal(deleted.exitCode, 0, deleted.stderr);
    });
  }

  test('one that fills its disk is told so, and takes no more of the host than its disk', async () => {
    const instance = (await sandbox('neighbour'))?.status?.mainProcessInstanceId;
    const fill = 'dd if=/dev/zero of=fill bs=1M count=4096; sync';
    const filled = await openshell('sandbox', 'exec', '-n', 'filler', '--', 'sh', '-c', fill);
    assert.match(filled.stderr, /No space left/);
    await neighbourAsItWas(instance);
    const id = (await sandbox('filler'))?.metadata?.id ?? '';
    const vm = join(stateDir, gatewayId, 'sandboxes', id, 'vm');
    const { blocks } = await stat(join(vm, 'overlay.qcow2'));
    const whole = await stat(join(vm, 'base.ext4'));
    assert.ok(blocks * 512 < whole.size * 1.1, `${blocks * 512} bytes of ${whole.size}`);
    const again = 'rm fill && echo room > file && cat file';
    const ran = await openshell('sandbox', 'exec', '-n', 'filler', '--', 'sh', '-c', again);
    assert.equal(ran.stdout, 'room\n', ran.stderr);
  });
});
