import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import type { DriverEvent } from '../../dist/compute/driver.js';
import { Code } from '../../dist/compute/errors.js';
import { createContainers } from '../../dist/drivers/container/containers.js';
import type { EventQueue } from '../../dist/drivers/container/event-queue.js';
import { watchSandboxes } from '../../dist/drivers/container/watch.js';
import { eventually } from '../support/wait.js';
import { fakeEngine } from './fake-engine.js';

const START = '2026-11-23T12:00:00.000000001Z';
function word(event: DriverEvent): string {
  if (event.type === 'sandbox') {
    return `${event.sandbox.id} ${observedState(event.sandbox.status).kind}`;
  }
  return event.type === 'deleted' ? `${event.id} deleted` : event.type;
}

/** A watch of the engine in memory; `said` is what it has said so far. */
function watching(engine = fakeEngine()) {
  const stop = new AbortController();
  const busy = new Set<string>();
  const said: string[] = [];
  let feed: EventQueue | undefined;
  const ended = (async () => {
    const join = (joined: EventQueue) => {
      feed = joined;
      return () => {};
    };
    const containers = createContainers(engine.engine);
    const options = { engine: engine.engine, containers, signal: stop.signal, join };
    for await (const event of watchSandboxes({ ...options, busy: (id) => busy.has(id) })) {
      said.push(word(event));
    }
  })();
  ended.catch(() => {});
  const says = (...words: string[]) =>
    eventually(`the watch says ${words}; it said ${said}`, () => said.join() === words.join(), 5_000);
  return { engine, busy, said, says, ended, stop, feed: () => feed as EventQueue };
}

test('a snapshot, synced, then changes, none twice', async () => {
  const { engine, says, stop, ended } = watching(
    (() => {
      const made = fakeEngine();
      made.set('a', { StartedAt: START });
      made.set('b', { Status: 'exited', ExitCode: 3, StartedAt: START });
      return made;
    })(),
  );
  await says('s-a running', 's-b exited', 'synced');
  engine.emit('a');
  engine.emit('b');
  engine.set('a', { Status: 'exited', ExitCode: 1 });
  engine.emit('a');
  await says('s-a running', 's-b exited', 'synced', 's-a exited');
  stop.abort();
  await ended;
});

test('a process that is over before anybody looks has run', async () => {
  const { engine, says, stop } = watching();
  await says('synced');
  engine.set('a', { Status: 'exited', StartedAt: START });
  engine.emit('a');
  await says('synced', 's-a running', 's-a exited');
  engine.set('a', { StartedAt: '2026-11-23T12:00:01Z' });
  engine.emit('a');
  await says('synced', 's-a running', 's-a exited', 's-a running', 's-a exited');
  stop.abort();
});

test('a container that vanished is a deleted sandbox; one that was never shown is not', async () => {
  const { engine, says, stop, feed } = watching();
  await says('synced');
  engine.set('a', { StartedAt: START });
  engine.emit('a');
  await says('synced', 's-a running');
  engine.containers.clear();
  engine.emit('never-shown');
  engine.emit('a');
  await says('synced', 's-a running', 's-a deleted');
  feed().push({ type: 'gone', sandboxId: 's-b' });
  await says('synced', 's-a running', 's-a deleted', 's-b deleted');
  stop.abort();
});

test('nothing is said of a sandbox that is just being made', async () => {
  const { engine, busy, says, stop, feed } = watching();
  await says('synced');
  busy.add('s-a');
  engine.set('a', { StartedAt: START });
  engine.emit('a');
  engine.set('b', { StartedAt: START });
  engine.emit('b');
  await says('synced', 's-b running');
  busy.delete('s-a');
  feed().push({ type: 'look', containerId: 'a', sandboxId: 's-a' });
  await says('synced', 's-b running', 's-a running');
  stop.abort();
});

test('the engine is not asked about what it can only repeat', async () => {
  const { engine, says, stop, feed } = watching();
  await says('synced');
  for (const id of ['a', 'b']) {
    engine.set(id, { StartedAt: START });
    feed().push({ type: 'look', containerId: id, sandboxId: `s-${id}` });
  }
  await says('synced', 's-a running', 's-b running');
  engine.containers.delete('a');
  feed().push({ type: 'gone', sandboxId: 's-a' });
  // Late words about a's removal and about the starts that were seen.
  engine.emit('a');
  engine.emit('a');
  engine.emit('b', 'started');
  engine.set('b', { Status: 'exited' });
  engine.emit('b');
  await says('synced', 's-a running', 's-b running', 's-a deleted', 's-b exited');
  assert.equal(engine.looks(), 3);
  engine.set('b', { Status: 'running', StartedAt: '2026-11-23T12:00:01Z' });
  engine.emit('b', 'started');
  await says('synced', 's-a running', 's-b running', 's-a deleted', 's-b exited', 's-b running');
  stop.abort();
});

test('an error of the engine in its stream: a new stream, and nothing is missed in between', async () => {
  const { engine, says, stop, ended } = watching();
  await says('synced');
  engine.set('gone', { StartedAt: START });
  engine.emit('gone');
  await says('synced', 's-gone running');
  engine.failStream();
  engine.set('new', { StartedAt: START });
  engine.containers.delete('gone');
  await says('synced', 's-gone running', 's-new running', 's-gone deleted');
  assert.equal(engine.streams(), 2);
  engine.set('new', { Status: 'exited' });
  engine.emit('new');
  await says('synced', 's-gone running', 's-new running', 's-gone deleted', 's-new exited');
  stop.abort();
  await ended;
});

test('a lost connection ends the watch with UNAVAILABLE', async () => {
  const { engine, says, ended } = watching();
  await says('synced');
  engine.breakConnection();
  await assert.rejects(ended, { code: Code.UNAVAILABLE, reason: 'EngineUnavailable' });
});
