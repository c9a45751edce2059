import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { createSandboxEvents } from '../../dist/gateway/lifecycle/sandbox-events.js';
import { createSandboxLog, type SandboxLog } from '../../dist/gateway/observe/sandbox-log.js';
import type { LogFilter, LogService } from '../../dist/gateway/services/logs.js';
import type { SandboxService } from '../../dist/gateway/services/sandboxes.js';
import { createWatchService, type WatchItem } from '../../dist/gateway/services/watch.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { caller } from '../support/caller.js';
import { createFakeEngine, type FakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

let folder: TempFolder;
let engine: FakeEngine;
let sandboxLog: SandboxLog;
let running: TestGateway;
let id: string;

beforeEach(async () => {
  folder = tempFolder();
  engine = createFakeEngine();
  sandboxLog = createSandboxLog();
  running = await startTestGateway(folder.path, [engine.entry()], { sandboxLog });
  const { sandbox } = await running.client.unary(api.createSandbox, { name: 'box' });
  id = sandbox?.metadata?.id ?? '';
  await eventually('ready', async () => {
    const { sandbox } = await running.client.unary(api.getSandbox, { name: 'box' });
    return sandbox?.status?.phase === SandboxPhase.READY;
  });
});
afterEach(async () => {
  await running.close();
  folder.remove();
});

function line(message: string, level = 'INFO', timeMs = Date.now()) {
  return sandboxLog.append({
    sandboxId: id,
    timeMs,
    level,
    target: 'gateway',
    message,
    source: 'gateway',
    fields: {},
  });
}

test('a watch that follows nothing is the snapshot alone', async () => {
  const seen = [];
  for await (const { payload } of running.client.serverStream(api.watchSandbox, { id })) {
    seen.push(payload.case);
  }
  assert.deepEqual(seen, ['sandbox']);
});

test('stop_on_terminal ends at READY', async () => {
  const seen = [];
  const stream = running.client.serverStream(api.watchSandbox, {
    id,
    followStatus: true,
    stopOnTerminal: true,
  });
  for await (const { payload } of stream) {
    seen.push(payload.case);
  }
  assert.deepEqual(seen, ['sandbox']);
});

test('an id that is not there is NOT_FOUND, an empty one INVALID_ARGUMENT', async () => {
  const read = async (watched: string) => {
    for await (const _ of running.client.serverStream(api.watchSandbox, { id: watched })) {
      assert.fail('it was shown');
    }
  };
  await assert.rejects(read('nope'), { code: status.NOT_FOUND, details: 'sandbox not found' });
  await assert.rejects(read(''), { code: status.INVALID_ARGUMENT });
});

test('a follower sees each change in order and CANCELLED when the sandbox is gone', async () => {
  const phases: string[] = [];
  const watching = (async () => {
    for await (const { payload } of running.client.serverStream(api.watchSandbox, {
      id,
      followStatus: true,
    })) {
      if (payload.case === 'sandbox') {
        phases.push(String(SandboxPhase[payload.value.status?.phase ?? 0]));
      }
    }
  })();
  const ended = assert.rejects(watching, { code: status.CANCELLED });
  await eventually('watch begun', () => phases.length === 1);
  await running.client.unary(api.stopSandbox, { name: 'box' });
  await running.client.unary(api.startSandbox, { name: 'box' });
  await running.client.unary(api.deleteSandbox, { name: 'box' });
  await ended;
  assert.deepEqual(phases, ['READY', 'STOPPING', 'STOPPED', 'STARTING', 'READY', 'DELETING']);
});

test('logs: both sources in order, level filter, tail and count', async () => {
  engine.logs = [
    { timeMs: 1000, stream: 'stdout', message: 'printed' },
    { timeMs: 3000, stream: 'stderr', message: 'complained' },
  ];
  line('noted', 'WARN', 2000);
  line('detail', 'DEBUG', 2500);
  const logs = async (query: object) => {
    const answer = await running.client.unary(api.getSandboxLogs, { sandboxId: id, ...query });
    return { messages: answer.logs.map((l) => `${l.source}:${l.message}`), total: answer.bufferTotal };
  };
  assert.deepEqual(await logs({}), {
    messages: ['sandbox:printed', 'gateway:noted', 'gateway:detail', 'sandbox:complained'],
    total: 4,
  });
  assert.deepEqual((await logs({ minLevel: 'INFO' })).messages.length, 3);
  assert.deepEqual((await logs({ minLevel: 'WARN' })).messages, ['gateway:noted']);
  assert.deepEqual((await logs({ sources: ['gateway'] })).messages, ['gateway:noted', 'gateway:detail']);
  assert.deepEqual((await logs({ lines: 1 })).messages, ['sandbox:complained']);
  assert.deepEqual((await logs({ sinceMs: 2100n })).messages, ['gateway:detail', 'sandbox:complained']);
});

test('a follower of logs gets the tail first and then what comes', async () => {
  line('before');
  const messages: string[] = [];
  const leaving = new AbortController();
  const stream = running.client.serverStream(
    api.watchSandbox,
    { id, followLogs: true, logSources: ['gateway'], logTailLines: 1 },
    { signal: leaving.signal },
  );
  await assert.rejects(async () => {
    for await (const { payload } of stream) {
      if (payload.case !== 'log') {
        continue;
      }
      messages.push(payload.value.message);
      if (messages.length === 1) {
        line('after');
      } else {
        leaving.abort();
      }
    }
  });
  assert.deepEqual(messages, ['before', 'after']);
});

test('a reader that lags is told how many messages were dropped', async () => {
  const sandboxEvents = createSandboxEvents();
  const record = { id, resourceVersion: 1, phase: 'running' };
  const service = createWatchService({
    sandboxes: { getById: async () => record } as unknown as SandboxService,
    logs: {} as LogService,
    sandboxEvents,
  });
  const input = { sandboxId: id, followStatus: false, followLogs: false, followEvents: true };
  const event = {
    timestampMs: 0,
    source: 's',
    type: 'Normal',
    reason: 'R',
    message: 'm',
    metadata: {},
  } as const;
  const seen: WatchItem[] = [];
  const watching = service.watch(
    caller(),
    { ...input, logTail: 0, eventTail: 0, stopOnTerminal: false, logs: {} as LogFilter },
    async (item) => {
      // While the reader is busy with the first.
      if (seen.push(item) > 1) {
        return;
      }
      for (let i = 0; i < 300; i++) {
        sandboxEvents.publish(id, { type: 'event', event });
      }
    },
  );
  await assert.rejects(watching, { code: 8, message: 'watch stream lagged; dropped 44 messages' });
  assert.equal(seen.length, 1, 'nothing is read after a loss');
});
