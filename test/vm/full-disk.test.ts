import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import type { ComputeDriver, DriverEvent } from '../../dist/compute/driver.js';
import { Code } from '../../dist/compute/errors.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { eventually } from '../support/wait.js';
import { becomes, execIn, makeDriver, SLOW_MS, sandboxOf, stateOf, withoutMachines } from './driver.js';

const options = { skip: withoutMachines, timeout: 600_000 };
const signal = AbortSignal.timeout(600_000);
/** More than kernel, root disk and what two machines that idle write. */
const DISK_MIB = 256;
const WRITTEN_MIB = 8;

async function drive(t: TestContext, stateDir: string, gatewayId: string) {
  const running = await makeDriver(stateDir, gatewayId, { templates: false });
  t.after(() => running.destroy());
  return running;
}

/** What the driver says of its own accord, from now on. */
function listen(driver: ComputeDriver, t: TestContext): DriverEvent[] {
  const heard: DriverEvent[] = [];
  const ended = new AbortController();
  t.after(() => ended.abort());
  void (async () => {
    for await (const event of driver.watch({ signal: ended.signal })) {
      heard.push(event);
    }
  })().catch(() => {});
  return heard;
}

function hears(heard: readonly DriverEvent[], id: string, reason: string): Promise<true> {
  return eventually(
    `${reason} is told`,
    async () =>
      heard.some((event) => event.type === 'platform' && event.id === id && event.event.reason === reason),
    SLOW_MS,
  );
}

function write(file: string) {
  return `dd if=/dev/zero of=${file} bs=1M count=${WRITTEN_MIB} conv=fsync 2>/dev/null`;
}

test('a full disk of the host: machines wait, and nothing of them is lost', options, async (t) => {
  const disk = mountSmallDisk(t, DISK_MIB);
  if (disk === undefined) {
    return;
  }
  const gatewayId = randomUUID();
  const first = await drive(t, disk.folder, gatewayId);
  const heard = listen(first.driver, t);
  const writer = sandboxOf();
  const printer = sandboxOf(['/bin/sh', '-c', 'while :; do echo tick; sleep 0.1; done']);
  const spare = sandboxOf();
  for (const sandbox of [writer, printer, spare]) {
    await first.driver.create(sandbox, { signal });
    await becomes(first.driver, sandbox, 'running');
  }

  let ballast = disk.fill();
  const written = execIn(first.driver, writer, `${write('/sandbox/one')} && wc -c < /sandbox/one`);
  await hears(heard, writer.id, 'HostDiskFull');
  assert.equal((await stateOf(first.driver, printer))?.kind, 'running', 'lines of a log are all it loses');
  await assert.rejects(first.driver.create(sandboxOf(), { signal }), { code: Code.RESOURCE_EXHAUSTED });
  await rm(ballast);
  assert.equal(await written, `${WRITTEN_MIB * 1024 * 1024}\n`);
  await hears(heard, writer.id, 'HostDiskFreed');

  // In the background, as what a command started ends with the driver process.
  ballast = disk.fill();
  await execIn(first.driver, writer, `(${write('/sandbox/two')}; sync) >/dev/null 2>&1 &`);
  heard.length = 0;
  await hears(heard, writer.id, 'HostDiskFull');
  await first.kill();

  const second = await drive(t, disk.folder, gatewayId);
  const follow = { follow: true, tail: 0, sinceMs: 0, signal };
  const lines = second.driver.access?.logs(printer, follow)[Symbol.asyncIterator]();
  assert.equal((await lines?.next())?.value?.message, 'tick', 'it is found again and runs on');
  await lines?.return?.();
  assert.equal(await second.driver.delete(spare, { signal }), true, 'a full disk is freed by deleting');
  await rm(ballast, { force: true });
  const size = 'wc -c < /sandbox/two';
  await eventually(
    'all is written',
    async () => (await execIn(second.driver, writer, size)) === '8388608\n',
    SLOW_MS,
  );
  assert.equal((await stateOf(second.driver, writer))?.kind, 'running');
  for (const one of [writer, printer]) {
    assert.equal(await second.driver.delete(one, { signal }), true);
  }
});
