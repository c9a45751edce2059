import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import { createEmitted } from '../../dist/drivers/container/emitted.js';
import type { ContainerInfo } from '../../dist/drivers/container/engine.js';
import { observe } from '../../dist/drivers/container/observe.js';
import { container } from './fake-engine.js';

const STARTED = '2026-11-23T12:00:00.5Z';
type State = Partial<ContainerInfo['State']>;

function observed(state: State) {
  const sandbox = observe(container('a', { StartedAt: STARTED, ...state }));
  assert.ok(sandbox);
  return sandbox;
}

function stateOf(state: State) {
  return observedState(observed(state).status);
}

test('every state that Docker or Podman names', () => {
  const kinds: Record<string, string> = {
    configured: 'provisioning',
    created: 'provisioning',
    initialized: 'provisioning',
    restarting: 'provisioning',
    running: 'running',
    stopping: 'running',
    stopped: 'exited',
    exited: 'exited',
    paused: 'failed',
    removing: 'deleting',
    dead: 'failed',
    unknown: 'failed',
  };
  for (const [Status, kind] of Object.entries(kinds)) {
    assert.equal(stateOf({ Status }).kind, kind, Status);
  }
});

test('the exit code, and why', () => {
  assert.deepEqual(stateOf({ Status: 'exited', ExitCode: 3 }), {
    kind: 'exited',
    exitCode: 3,
    message: 'the main process exited with code 3',
  });
  const killed = stateOf({ Status: 'exited', ExitCode: 137, OOMKilled: true });
  assert.match(killed.kind === 'exited' ? killed.message : '', /^OOMKilled/);
});

test('each run has an id of its own, and none before the first', () => {
  const ids = ['0001-01-01T00:00:00Z', STARTED, '2026-11-23T12:00:01Z'].map(
    (StartedAt) => observed({ Status: 'exited', StartedAt }).status.instanceId,
  );
  assert.equal(ids[0], '');
  assert.equal(new Set(ids).size, 3);
});

test('a container without the labels of a sandbox is none', () => {
  assert.equal(observe({ ...container('a'), Config: { Labels: null, Tty: false } }), undefined);
});

test('a watch emits nothing twice and misses no start', () => {
  const emitted = createEmitted();
  function kinds(state: State) {
    const seen = {
      containerId: 'a',
      sandbox: observed(state),
      startedAt: state.StartedAt ?? STARTED,
    };
    return [...emitted.update(seen)].map((event) =>
      event.type === 'sandbox' ? observedState(event.sandbox.status).kind : event.type,
    );
  }
  assert.deepEqual(kinds({ Status: 'exited' }), ['running', 'exited'], 'over before anybody looked');
  assert.deepEqual(kinds({ Status: 'exited' }), []);
  assert.deepEqual(kinds({ Status: 'running', StartedAt: '2026-11-23T13:00:00Z' }), ['running']);
  assert.deepEqual(kinds({ Status: 'exited', StartedAt: '2026-11-23T13:00:00Z' }), ['exited']);
  assert.deepEqual([...emitted.removeContainer('unknown')], []);
  assert.deepEqual([...emitted.removeContainer('a')], [{ type: 'deleted', id: 's-a' }]);
  assert.deepEqual([...emitted.removeContainer('a')], []);
});
