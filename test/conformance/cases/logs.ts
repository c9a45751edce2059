import assert from 'node:assert/strict';
import type { ComputeDriver, LogLine, LogOptions } from '../../../dist/compute/driver.js';
import type { SandboxRef } from '../../../dist/compute/sandbox.js';
import { aSandbox } from '../../support/sandboxes.js';
import { toArray } from '../../support/streams.js';
import type { Workbench } from '../workbench.js';

/** What is in the log now. */
export function readLogs(
  driver: ComputeDriver,
  ref: SandboxRef,
  options: Partial<LogOptions> = {},
): Promise<LogLine[]> {
  const all = { follow: false, tail: undefined, sinceMs: 0, signal: AbortSignal.timeout(60_000), ...options };
  assert.ok(driver.access, 'the driver gives access');
  return toArray(driver.access.logs(ref, all));
}

/** The main process's output. */
export function logTests({ bed, check }: Workbench): void {
  const needs = ['logs'] as const;

  check('logs: lines, their order, time and end', { needs }, async ({ driver, watch, signal }) => {
    const before = Date.now();
    const command = ['/bin/sh', '-c', 'echo one; echo; echo "  three  "; printf "no end"'];
    const sandbox = aSandbox(bed.images.shell, { command });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'exited');
    const lines = await readLogs(driver, sandbox);
    assert.deepEqual(
      lines.map((line) => line.message),
      ['one', '', '  three  ', 'no end'],
    );
    for (const { timeMs } of lines) {
      // The engine's clock may be another one.
      assert.ok(timeMs > before - 60_000 && timeMs < Date.now() + 60_000, new Date(timeMs).toISOString());
    }
  });

  check(
    'logs: stdout and stderr apart',
    { needs: ['logs', 'logStreams'] },
    async ({ driver, watch, signal }) => {
      const command = ['/bin/sh', '-c', 'echo out; echo err >&2; sleep 0.2'];
      const sandbox = aSandbox(bed.images.shell, { command });
      await driver.create(sandbox, { signal });
      await watch.sees(sandbox.id, 'exited');
      const lines = await readLogs(driver, sandbox);
      assert.deepEqual(lines.map(({ stream, message }) => `${stream} ${message}`).sort(), [
        'stderr err',
        'stdout out',
      ]);
    },
  );

  check('logs: follow ends with the process', { needs }, async ({ driver, running }) => {
    const sandbox = await running({
      command: ['/bin/sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.3; done'],
    });
    const lines = await readLogs(driver, sandbox, { follow: true });
    assert.deepEqual(
      lines.map((line) => line.message),
      ['1', '2', '3'],
    );
  });

  check('logs: follow ends when nobody listens any more', { needs }, async ({ driver, running }) => {
    const sandbox = await running({ command: ['/bin/sh', '-c', 'echo here; sleep 600'] });
    const stop = new AbortController();
    const lines: string[] = [];
    const options = { follow: true, tail: undefined, sinceMs: 0, signal: stop.signal };
    for await (const { message } of driver.access?.logs(sandbox, options) ?? []) {
      lines.push(message);
      stop.abort();
    }
    assert.deepEqual(lines, ['here']);
  });

  check('logs: tail and since', { needs }, async ({ driver, watch, signal }) => {
    const script = 'for i in 1 2 3 4 5; do echo $i; done; sleep 1.2; echo late';
    const sandbox = aSandbox(bed.images.shell, { command: ['/bin/sh', '-c', script] });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'exited');
    const messages = (lines: LogLine[]) => lines.map((line) => line.message);
    assert.deepEqual(messages(await readLogs(driver, sandbox, { tail: 2 })), ['5', 'late']);
    assert.deepEqual(messages(await readLogs(driver, sandbox, { tail: 0 })), []);
    const all = await readLogs(driver, sandbox);
    const last = all.at(-1)?.timeMs ?? 0;
    assert.deepEqual(messages(await readLogs(driver, sandbox, { sinceMs: last })), ['late']);
  });

  check('logs: a very long line comes in parts', { needs }, async ({ driver, watch, signal }) => {
    const script = 'head -c 50000 /dev/zero | tr "\\0" "x"; echo; echo end';
    const sandbox = aSandbox(bed.images.shell, { command: ['/bin/sh', '-c', script] });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'exited');
    const lines = (await readLogs(driver, sandbox)).map((line) => line.message);
    assert.equal(lines.at(-1), 'end');
    assert.equal(lines.slice(0, -1).join(''), 'x'.repeat(50_000));
    for (const line of lines) {
      assert.ok(line.length <= 16 * 1024);
    }
  });

  check('logs: of a terminal', { needs: ['logs', 'tty'] }, async ({ driver, watch, signal }) => {
    const command = ['/bin/sh', '-c', 'test -t 1 && echo terminal; echo second'];
    const sandbox = aSandbox(bed.images.shell, { command, tty: true });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'exited');
    const lines = await readLogs(driver, sandbox);
    assert.deepEqual(
      lines.map((line) => line.message),
      ['terminal', 'second'],
    );
  });
}
