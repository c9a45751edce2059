import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import vm from '../../dist/drivers/vm/entry.js';
import { readNetwork } from '../../dist/drivers/vm/guest-network.js';
import { freeLink, macOf, networkRecords } from '../../dist/drivers/vm/process/network/link.js';
import { checkTap } from '../../dist/drivers/vm/process/network/tap.js';
import { qemuArguments } from '../../dist/drivers/vm/process/qemu/arguments.js';
import { tempFolder } from '../support/folder.js';
import { listen } from '../support/listen.js';
import {
  becomes,
  execIn,
  makeDriver,
  type RunningDriver,
  sandboxOf,
  stateOf,
  VM_HOME,
  withoutMachines,
} from './driver.js';

function settingsOf(taps: string[], gateway = '', dns: string[] = []) {
  return {
    network_taps: taps,
    network_gateway: gateway,
    network_dns: dns,
  };
}

test('the keys of the network fit together, or say what does not', async () => {
  assert.equal(readNetwork(settingsOf([])), undefined);
  const taps = ['tap0=192.0.2.2/24', 'tap1=192.0.2.3/24'];
  assert.deepEqual(readNetwork(settingsOf(taps, '192.0.2.1', ['192.0.2.53'])), {
    links: [
      { tap: 'tap0', address: '192.0.2.2/24' },
      { tap: 'tap1', address: '192.0.2.3/24' },
    ],
    gateway: '192.0.2.1',
    nameservers: ['192.0.2.53'],
  });
  const wrong: [ReturnType<typeof settingsOf>, RegExp][] = [
    [settingsOf(['tap0']), /not a device with an IPv4 address/],
    [settingsOf(['tap0=1.2.3.4']), /not a device/],
    [settingsOf(['tap0=1.2.3.400/24']), /not a device/],
    [settingsOf(['tap0=1.2.3.4/33']), /not a device/],
    [settingsOf(['tap0,script=/tmp/x=1.2.3.4/24']), /not a device/],
    [settingsOf(['a-name-of-16-chars=1.2.3.4/24']), /not a device/],
    [settingsOf(['../x=1.2.3.4/24']), /not a device/],
    [settingsOf(['tap0=1.2.3.4/24', 'tap0=1.2.3.5/24']), /device tap0 is listed twice/],
    [settingsOf(['tap0=1.2.3.4/24', 'tap1=1.2.3.4/24']), /address 1.2.3.4 is listed twice/],
    [settingsOf(['tap0=1.2.3.4/24'], '1.2.4.1'), /not in the network of tap0/],
    [settingsOf(['tap0=1.2.3.4/24'], 'gateway'), /not an IPv4 address/],
    [settingsOf(['tap0=1.2.3.4/24'], '', ['dns.example']), /not an IPv4 address/],
    [settingsOf([], '1.2.3.1'), /no device is listed/],
    [settingsOf([], '', ['1.2.3.1']), /no device is listed/],
  ];
  for (const [settings, message] of wrong) {
    assert.throws(() => readNetwork(settings), { code: Code.FAILED_PRECONDITION, message });
  }
  const probe = await vm.probe({
    settings: { qemu: '/bin/true', accel: 'tcg', ...settingsOf(['nonsense']) },
    env: process.env,
    signal: AbortSignal.timeout(5_000),
  });
  assert.equal(probe.state, 'unavailable');
});

test('no text in network_taps reaches QEMU as anything but a name', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const [link] = readNetwork(settingsOf([text]))?.links ?? [];
        assert.match(link?.tap ?? '', /^[A-Za-z0-9][A-Za-z0-9_.-]*$/);
      } catch (error) {
        assert.ok(error instanceof OpenShellError);
      }
    }),
  );
});

const shape = { name: 'n', accelerator: 'tcg', vcpus: 1, memoryMib: 256 } as const;

test('no card unless one is given, and never the user network', () => {
  for (const start of ['boot', 'restore'] as const) {
    const none = qemuArguments(shape, start).join(' ');
    assert.doesNotMatch(none, /net/);
    const card = qemuArguments({ ...shape, card: { tap: 'tap0', mac: macOf('id') } }, start).join(' ');
    assert.match(card, /-netdev tap,id=net,ifname=tap0,script=no,downscript=no,vhost=off/);
    assert.match(card, /-device virtio-net-pci,netdev=net,mac=[0-9a-f:]{17},romfile= /);
    assert.equal(card.match(/-netdev/g)?.length, 1);
  }
});

test('a device serves one machine; its address and name servers are told to the agent', () => {
  const network = readNetwork(settingsOf(['tap0=10.0.0.2/8', 'tap1=10.0.0.3/8'], '10.0.0.1', ['10.0.0.9']));
  assert.ok(network !== undefined);
  assert.equal(freeLink(network, new Set(['tap0'])).tap, 'tap1');
  assert.throws(() => freeLink(network, new Set(['tap0', 'tap1'])), {
    code: Code.RESOURCE_EXHAUSTED,
    reason: 'NetworkUnavailable',
  });
  assert.deepEqual(networkRecords(network, freeLink(network, new Set())), [
    ['a', '10.0.0.2/8'],
    ['g', '10.0.0.1'],
    ['n', 'nameserver 10.0.0.9\n'],
  ]);
  assert.equal(macOf('a'), macOf('a'));
  assert.notEqual(macOf('a'), macOf('b'));
  fc.assert(fc.property(fc.string(), (id) => (Number.parseInt(macOf(id).slice(0, 2), 16) & 3) === 2));
});

test('a device that is not there, is none, is down or another’s is refused with what to do', async () => {
  const { path: sysfs, remove } = tempFolder();
  const device = async (name: string, files: Record<string, string>) => {
    await mkdir(join(sysfs, name));
    for (const [file, text] of Object.entries(files)) {
      await writeFile(join(sysfs, name, file), `${text}\n`);
    }
  };
  const user = { uid: 4242, gid: 4243 };
  const refused = (tap: string, message: RegExp, hint: RegExp) =>
    assert.rejects(checkTap(tap, user, sysfs), { reason: 'NetworkUnavailable', message, hint });
  try {
    await device('eth0', { flags: '0x1003' });
    await device('tun0', { flags: '0x1', tun_flags: '0x1001', owner: '-1', group: '-1' });
    await device('down', { flags: '0x1002', tun_flags: '0x1002', owner: '-1', group: '4243' });
    await device('theirs', { flags: '0x1003', tun_flags: '0x1002', owner: '1000', group: '-1' });
    await refused('gone', /'gone' .*does not exist/, /ip tuntap add dev gone mode tap`/);
    await refused('eth0', /another kind/, /ip tuntap add/);
    await refused('tun0', /another kind/, /ip tuntap add/);
    await refused('theirs', /belongs to user 1000, group -1, and QEMU runs as 4242/, /ip tuntap add/);
    await refused('down', /is down/, /ip link set down up/);
  } finally {
    remove();
  }
});

const canMakeTaps = process.getuid?.() === 0 && existsSync('/dev/net/tun') && existsSync('/usr/sbin/ip');
const noTap = canMakeTaps ? false : 'making a tap device needs root, /dev/net/tun and ip';
const guests = { skip: withoutMachines || noTap, timeout: 300_000 };
const signal = AbortSignal.timeout(300_000);
function ip(...args: string[]) {
  return execFileSync('/usr/sbin/ip', args, { stdio: 'pipe' });
}

/** Says its name to whoever connects, and remembers from where that was. */
async function listenOn(address: string, peers: string[]): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    peers.push(socket.remoteAddress ?? '');
    socket.end('this is the host\n');
  });
  return { server, port: await listen(server, address) };
}

test(
  'a guest with a card reaches the network behind its device, which is its own, also for the next driver process',
  guests,
  async () => {
    const tap = `os${randomInt(1e9)}`;
    // A network that is set apart for benchmarks: nothing of this machine is in it.
    const subnet = `198.19.${randomInt(256)}`;
    ip('tuntap', 'add', 'dev', tap, 'mode', 'tap');
    ip('address', 'add', `${subnet}.1/24`, 'dev', tap);
    ip('link', 'set', tap, 'up');
    const { path: stateDir, remove } = tempFolder(VM_HOME);
    const peers: string[] = [];
    const { server, port } = await listenOn(`${subnet}.1`, peers);
    let home: RunningDriver | undefined;
    try {
      const gatewayId = randomUUID();
      const settings = settingsOf([`${tap}=${subnet}.2/24`], `${subnet}.1`, [`${subnet}.53`]);
      home = await makeDriver(stateDir, gatewayId, settings);
      let { driver } = home;
      const sandbox = sandboxOf();
      await driver.create(sandbox, { signal });
      await becomes(driver, sandbox, 'running');
      assert.equal(await execIn(driver, sandbox, `nc ${subnet}.1 ${port}`), 'this is the host\n');
      assert.deepEqual(peers, [`${subnet}.2`]);
      assert.equal(await execIn(driver, sandbox, 'cat /etc/resolv.conf'), `nameserver ${subnet}.53\n`);
      assert.match(await execIn(driver, sandbox, 'cat /proc/net/route'), /^eth0\t00000000\t/m);
      assert.equal(
        (await execIn(driver, sandbox, 'ls /sys/class/net')).trim().split(/\s+/).join(),
        'eth0,lo',
      );

      await home.kill();
      home = await makeDriver(stateDir, gatewayId, settings);
      driver = home.driver;
      const second = sandboxOf();
      await driver.create(second, { signal });
      await becomes(driver, second, 'failed');
      const failed = await stateOf(driver, second);
      assert.ok(failed?.kind === 'failed' && failed.reason === 'NetworkUnavailable', JSON.stringify(failed));
      await driver.delete(sandbox, { signal });
      await driver.start(second, { signal });
      await becomes(driver, second, 'running');
      await driver.delete(second, { signal });
    } finally {
      await home?.destroy();
      server.close();
      ip('link', 'delete', tap);
      remove();
    }
  },
);
