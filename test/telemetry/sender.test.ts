import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Code } from '../../dist/compute/errors.js';
import type { GatewayEvent } from '../../dist/compute/telemetry.js';
import { listen } from '../support/listen.js';
import { startCollector, startSink } from './collector.js';

const created: GatewayEvent = {
  kind: 'sandbox-create',
  outcome: 'success',
  requestedGpu: false,
  image: 'given',
  driver: 'docker',
};
const stopped: GatewayEvent = { kind: 'sandbox-lifecycle', operation: 'stop', outcome: 'failure' };

test('each event is one POST to the endpoint, in order, with nothing in it but the event', async (t) => {
  const { endpoint, received } = await startCollector(t);
  const { sink } = await startSink(endpoint);
  for (const event of [created, stopped]) {
    sink.record(event);
  }
  await sink.close(5_000);
  assert.deepEqual(
    received.map(({ method, url, contentType }) => ({ method, url, contentType })),
    Array(2).fill({ method: 'POST', url: '/v1/events?k=1', contentType: 'application/json' }),
  );
  const [first, second] = received.map(({ body }) => JSON.parse(body));
  assert.deepEqual(first, {
    product: 'openshell-gateway',
    version: '1.2.3',
    architecture: process.arch,
    sentAt: first.sentAt,
    events: [
      {
        name: 'openshell_sandbox_create_event',
        parameters: {
          outcome: 'success',
          requestedGpu: false,
          providerCount: 0,
          hasCustomPolicy: false,
          templateSource: 'image',
          computeDriver: 'docker',
        },
        at: first.sentAt,
      },
    ],
  });
  assert.deepEqual(second.events[0].parameters, {
    resource: 'sandbox',
    operation: 'stop',
    outcome: 'failure',
  });
});

test('a driver of unknown name is not named', async (t) => {
  const { endpoint, received } = await startCollector(t);
  const { sink } = await startSink(endpoint);
  sink.record({ ...created, image: 'default', driver: 'acme-secret-cluster' });
  await sink.close(5_000);
  const { parameters } = JSON.parse(received[0]?.body ?? '').events[0];
  assert.equal(parameters.computeDriver, 'unknown');
  assert.equal(parameters.templateSource, 'default');
  assert.doesNotMatch(received[0]?.body ?? '', /acme/);
});

test('what fails is not tried again, is logged at debug level, and does not stop the next', async (t) => {
  const statuses = [500, 302, 204];
  const { endpoint, received } = await startCollector(t, (response) =>
    response.writeHead(statuses.shift() as number, { location: '/elsewhere' }).end('x'.repeat(1000)),
  );
  const { sink, logged } = await startSink(endpoint);
  for (let i = 0; i < 3; i++) {
    sink.record(stopped);
  }
  await sink.close(5_000);
  assert.deepEqual(
    received.map(({ url }) => url),
    Array(3).fill('/v1/events?k=1'),
  );
  assert.deepEqual(
    logged.map(({ fields }) => fields),
    [{ status: 500 }, { status: 302 }],
  );
});

test('an answer that does not come is given up after 5 s, and the next event has its turn', async (t) => {
  let isFirst = true;
  const { endpoint, received } = await startCollector(t, (response) => {
    if (!isFirst) {
      response.writeHead(204).end();
    }
    isFirst = false;
  });
  const { sink } = await startSink(endpoint);
  for (let i = 0; i < 2; i++) {
    sink.record(stopped);
  }
  await sink.close(30_000);
  assert.equal(received.length, 2);
});

test('nobody at the endpoint: nothing is thrown and close ends', async () => {
  const { sink, logged } = await startSink('http://127.0.0.1:1/');
  sink.record(stopped);
  await sink.close(5_000);
  assert.equal(logged[0]?.message, 'a telemetry event was not sent');
});

test('the queue holds 1024 events and drops what comes then; close gives up after its time', async (t) => {
  const { endpoint, received } = await startCollector(t, () => {});
  const { sink, logged } = await startSink(endpoint);
  for (let i = 0; i < 1100; i++) {
    sink.record(stopped);
  }
  const startedAt = performance.now();
  await sink.close(50);
  assert.ok(performance.now() - startedAt < 4_000, 'close waited for its own time, not for the answer');
  assert.ok(received.length <= 1);
  // One was under way, 1024 waited, 75 found no room: all but the first were dropped.
  assert.deepEqual(logged.at(-1), { message: 'telemetry events were dropped', fields: { dropped: 1099 } });
  sink.record(stopped);
  await sink.close(0);
});

test('an endpoint that is no URL of the web is refused', async () => {
  for (const endpoint of ['', 'collector', 'file:///etc/passwd']) {
    await assert.rejects(startSink(endpoint), { code: Code.INVALID_ARGUMENT, field: 'telemetry.endpoint' });
  }
});

test('an event under way does not keep the process alive', async (t) => {
  // Takes connections and never answers.
  const silent = createServer();
  const port = await listen(silent);
  const sockets: { destroy(): void }[] = [];
  silent.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
  t.after(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    silent.close();
  });
  const entry = new URL('../../dist/parts/telemetry/entry.js', import.meta.url).href;
  const script = `
    const { default: telemetry } = await import(${JSON.stringify(entry)});
    const { createTelemetry } = await telemetry.load();
    const log = { debug() {} };
    const sink = createTelemetry({ endpoint: 'http://127.0.0.1:${port}/', version: '1', log });
    for (let i = 0; i < 3; i++) sink.record({ kind: 'sandbox-lifecycle', operation: 'stop', outcome: 'success' });`;
  // Three events would take 15 s if each were waited for.
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 10_000 });
});
