import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import type { Bed } from '../conformance/bed.js';
import { skipWithout } from '../support/engines.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import { type CrashOptions, crashRounds } from './crash.js';
import { type CliResult, cli, type GatewayProcess, startGatewayProcess } from './process.js';

/** Two reconciles and what they do. */
const TAKEN_AWAY_MS = 150_000;

export interface SystemBed {
  readonly bed: Bed;
  /** The driver's name in the gateway. */
  readonly driver: string;
  /** Lines of `[openshell.drivers.<driver>]`. */
  readonly table: string;
  /** Where the gateway keeps everything; default: a temporary folder. Removed at the end. */
  readonly home?: string;
  /** Why `OPENSHELL_MANY_CREATES` creates would tell nothing here. */
  readonly notMany?: string;
  /** What is different in the crash rounds. */
  readonly crash?: Partial<Pick<CrashOptions, 'creates' | 'most' | 'victims'>>;
  /** Further tests, on the same gateway. */
  readonly more?: (tools: SystemTools) => void;
  /** Restarts the engine under the gateway; left out where that cannot be done here. */
  restartEngine?(): Promise<void>;
}

/** What tests have at hand. */
export interface SystemTools {
  readonly gatewayId: string;
  /** Holds all that the gateway keeps. */
  folder(): string;
  gateway(): GatewayProcess;
  openshell(...args: string[]): Promise<CliResult>;
  ready(name: string): Promise<unknown>;
  gone(name: string): Promise<unknown>;
}

/** `.ci/run` runs few rounds, `npm run soak` the full count. */
const CRASH_ROUNDS = Number(process.env.OPENSHELL_CRASH_ROUNDS ?? 5);
const MANY = Number(process.env.OPENSHELL_MANY_CREATES ?? 12);
const MANY_AT_ONCE = 8;

/** The whole gateway as a process, driven by its CLI and by raw gRPC, on the bed's real engine. */
export async function systemSuite(system: SystemBed): Promise<void> {
  const { bed, driver } = system;
  const skip = skipWithout(bed.name, await bed.unavailable());

  describe(`gateway on ${bed.name}`, { skip }, () => {
    const gatewayId = randomUUID();
    const others: string[] = [];
    let folder: TempFolder;
    let gateway: GatewayProcess;

    const home = async () => {
      if (system.home === undefined) {
        return tempFolder();
      }
      const path = system.home;
      await mkdir(path, { recursive: true });
      return { path, remove: () => rm(path, { recursive: true, force: true }) };
    };
    const config = (id: string) => `
[openshell.gateway]
compute_drivers = ["${driver}"]
default_image = "${bed.images.shell}"
gateway_id = "${id}"
log_level = "debug"
[openshell.drivers.${driver}]
${system.table}
`;
    const startIn = (path: string, id: string) => startGatewayProcess({ folder: path, config: config(id) });
    const start = async () => {
      gateway = await startIn(folder.path, gatewayId);
    };
    const openshell = (...args: string[]) => cli(gateway, folder.path, args);
    const phase = async (name: string) =>
      (await gateway.client.unary(api.getSandbox, { name })).sandbox?.status?.phase ??
      SandboxPhase.UNSPECIFIED;
    const ready = (name: string) =>
      eventually(
        `${name} is READY`,
        async () => (await phase(name)) === SandboxPhase.READY,
        bed.patienceMs ?? 60_000,
      );
    const gone = (name: string) =>
      eventually(
        `${name} is gone`,
        () =>
          phase(name).then(
            () => false,
            (error) => error.code === 5,
          ),
        bed.patienceMs ?? 60_000,
      );
    /** By sandbox id, the names of what the engine shows for it. */
    const ids = async (id: string) => {
      const found = new Map<string, string[]>();
      for (const { name, labels } of await bed.objects(id)) {
        const sandboxId = labels['openshell.ai/sandbox-id'];
        if (sandboxId !== undefined) {
          found.set(sandboxId, [...(found.get(sandboxId) ?? []), name]);
        }
      }
      return found;
    };

    before(async () => {
      folder = await home();
      await start();
    });
    after(async () => {
      await gateway?.stop();
      for (const id of [gatewayId, ...others]) {
        await bed.cleanup(id);
      }
      folder.remove();
    });

    test('the main job through the CLI: create, exec with output and exit code, stop, start, logs, delete', async () => {
      const created = await openshell('sandbox', 'create', '--name', 'job', '-o', 'json', '--detach');
      assert.equal(created.exitCode, 0, created.stderr);
      assert.equal(JSON.parse(created.stdout).metadata.name, 'job');
      const ran = await openshell(
        'sandbox',
        'exec',
        '-n',
        'job',
        '--',
        'sh',
        '-c',
        'echo out; echo err >&2; exit 7',
      );
      assert.deepEqual(ran, { exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
      const fed = await cli(
        gateway,
        folder.path,
        ['sandbox', 'exec', '-n', 'job', '--', 'wc', '-c'],
        'x'.repeat(100_000),
      );
      assert.equal(fed.stdout.trim(), '100000');
      await openshell('sandbox', 'exec', '-n', 'job', '--', 'sh', '-c', 'echo kept > file');
      assert.equal((await openshell('sandbox', 'stop', 'job')).exitCode, 0);
      assert.equal((await openshell('sandbox', 'exec', '-n', 'job', '--', 'true')).exitCode, 1);
      assert.equal((await openshell('sandbox', 'start', 'job')).exitCode, 0);
      assert.equal((await openshell('sandbox', 'exec', '-n', 'job', '--', 'cat', 'file')).stdout, 'kept\n');
      const missing = await openshell('sandbox', 'exec', '-n', 'job', '--', '/no/such/program');
      assert.equal(missing.exitCode, 127, missing.stderr);
      assert.equal(missing.stderr, 'openshell: exec: /no/such/program: no such file or directory\n');
      const late = await openshell('sandbox', 'exec', '-n', 'job', '--timeout', '1', '--', 'sleep', '60');
      assert.equal(late.exitCode, 124, late.stderr);
      const logged = (await openshell('logs', 'job', '-o', 'json')).stdout.trimEnd().split('\n');
      const lines = logged.map((line) => JSON.parse(line));
      assert.ok(
        lines.some(({ source, message }) => source === 'gateway' && message === "sandbox 'job' is stopped"),
      );
      const deleted = await openshell('sandbox', 'delete', 'job');
      assert.equal(deleted.exitCode, 0, deleted.stderr);
      await gone('job');
      assert.equal((await ids(gatewayId)).size, 0);
    });

    test('a delete is followed by a create of the same name, time after time', async () => {
      const name = 'same';
      const deletes = {
        '0.0': () => gateway.client.unary(api.deleteSandbox, { name }),
        '0.1': () =>
          gateway.client.unary(v01.deleteSandbox, {
            name,
            workspaceScope: { selection: { case: 'workspace', value: 'default' } },
          }),
        cli: async () => {
          const { exitCode, stderr } = await openshell('sandbox', 'delete', name);
          assert.equal(exitCode, 0, stderr);
        },
      };
      const seen = new Set<string>();
      await gateway.client.unary(api.createSandbox, { name });
      for (const way of Object.values({ ...deletes, again: deletes['0.0'] })) {
        await ready(name);
        await way();
        const { sandbox } = await gateway.client.unary(api.createSandbox, { name });
        seen.add(sandbox?.metadata?.id ?? '');
      }
      assert.equal(seen.size, 4);
      // Also one that has hardly begun.
      await gateway.client.unary(api.deleteSandbox, { name });
      await assert.rejects(phase(name), { code: status.NOT_FOUND });
      // What an engine makes of a create that was cut off, the reconcile of every minute takes away.
      await eventually(
        'nothing is left on the engine',
        async () => (await ids(gatewayId)).size === 0,
        TAKEN_AWAY_MS,
      );
    });

    test('a process that ends at once is READY before it is ERROR with its exit code', async () => {
      const { sandbox } = await gateway.client.unary(api.createSandbox, {
        name: 'short',
        spec: { command: ['true'] },
      });
      const phases: (SandboxPhase | undefined)[] = [];
      const stream = gateway.client.serverStream(
        api.watchSandbox,
        { id: sandbox?.metadata?.id ?? '', followStatus: true },
        { timeoutMs: bed.patienceMs ?? 60_000 },
      );
      for await (const { payload } of stream) {
        if (payload.case !== 'sandbox' || payload.value.status?.phase === phases.at(-1)) {
          continue;
        }
        phases.push(payload.value.status?.phase);
        if (payload.value.status?.phase !== SandboxPhase.ERROR) {
          continue;
        }
        assert.equal(payload.value.status.exitCode, 0);
        break;
      }
      assert.deepEqual(phases.slice(-2), [SandboxPhase.READY, SandboxPhase.ERROR]);
      await gateway.client.unary(api.deleteSandbox, { name: 'short' });
      await gone('short');
    });

    test('the gateway ends and starts again: sandboxes run on', async () => {
      await gateway.client.unary(api.createSandbox, { name: 'stays' });
      await ready('stays');
      const before = (await gateway.client.unary(api.getSandbox, { name: 'stays' })).sandbox?.status;
      assert.equal(await gateway.stop(), 0);
      assert.equal((await ids(gatewayId)).size, 1);
      await start();
      await ready('stays');
      const now = (await gateway.client.unary(api.getSandbox, { name: 'stays' })).sandbox?.status;
      assert.equal(now?.mainProcessInstanceId, before?.mainProcessInstanceId);
      await gateway.client.unary(api.deleteSandbox, { name: 'stays' });
      await gone('stays');
    });

    test('the engine restarts: idle sandboxes run again with their files', {
      skip: system.restartEngine === undefined && 'the engine of this bed cannot be restarted here',
    }, async () => {
      await gateway.client.unary(api.createSandbox, { name: 'idle' });
      await ready('idle');
      await openshell('sandbox', 'exec', '-n', 'idle', '--', 'sh', '-c', 'echo kept > file');
      await system.restartEngine?.();
      const seen = await eventually(
        'a command runs again',
        async () => {
          const ran = await openshell('sandbox', 'exec', '-n', 'idle', '--', 'cat', 'file');
          return ran.exitCode === 0 && ran.stdout;
        },
        bed.patienceMs ?? 60_000,
      );
      assert.equal(seen, 'kept\n');
      await gateway.client.unary(api.deleteSandbox, { name: 'idle' });
      await gone('idle');
    });

    test("two gateways on one engine, and one whose database was removed, leave each other's sandboxes alone", async () => {
      const otherId = randomUUID();
      others.push(otherId);
      const otherFolder = join(folder.path, 'other');
      await gateway.client.unary(api.createSandbox, { name: 'mine' });
      await ready('mine');
      let other = await startIn(otherFolder, otherId);
      try {
        const { sandbox } = await other.client.unary(api.createSandbox, { name: 'theirs' });
        const theirs = sandbox?.metadata?.id ?? '';
        await eventually(
          'theirs on the engine',
          async () => (await ids(otherId)).has(theirs),
          bed.patienceMs ?? 60_000,
        );
        assert.equal((await other.client.unary(api.listSandboxes, {})).sandboxes.length, 1);
        await other.kill();
        await rm(join(otherFolder, 'state', 'openshell', 'gateway'), { recursive: true });
        other = await startIn(otherFolder, otherId);
        await eventually(
          'the stray is reported',
          () => other.log().includes('left alone'),
          bed.patienceMs ?? 60_000,
        );
        assert.ok((await ids(otherId)).has(theirs));
        assert.equal(await phase('mine'), SandboxPhase.READY);
      } finally {
        await other.stop();
      }
      await gateway.client.unary(api.deleteSandbox, { name: 'mine' });
      await gone('mine');
    });

    test(`${MANY} creates, ${MANY_AT_ONCE} at a time, all become READY and all go`, {
      skip: system.notMany ?? false,
    }, async () => {
      const names = Array.from({ length: MANY }, (_, i) => `many-${i}`);
      const queue = [...names];
      await Promise.all(
        Array.from({ length: MANY_AT_ONCE }, async () => {
          for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
            await gateway.client.unary(api.createSandbox, { name });
            await ready(name);
          }
        }),
      );
      await Promise.all(names.map((name) => gateway.client.unary(api.deleteSandbox, { name })));
      await Promise.all(names.map(gone));
      assert.equal((await ids(gatewayId)).size, 0);
    });

    test(`kill -9 at random points, ${CRASH_ROUNDS} rounds: nothing lost, nothing left`, async () => {
      await gateway.stop();
      try {
        await crashRounds({
          rounds: CRASH_ROUNDS,
          start: () => startIn(folder.path, gatewayId),
          onEngine: () => ids(gatewayId),
          ...system.crash,
          patienceMs: bed.patienceMs ?? 60_000,
        });
      } finally {
        // Also after a failure: the tests below are not to fail for it.
        await start();
      }
    });

    system.more?.({ gatewayId, folder: () => folder.path, gateway: () => gateway, openshell, ready, gone });
  });
}
