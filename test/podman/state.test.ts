import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import { observe } from '../../dist/drivers/podman/state.js';
import { fakeEngine } from './fake-client.js';

const engine = fakeEngine();
const START = '2026-11-23T12:00:00Z';

test('every state that Podman names', () => {
  const kinds: Record<string, string> = {
    configured: 'provisioning',
    created: 'provisioning',
    initialized: 'provisioning',
    running: 'running',
    stopping: 'running',
    stopped: 'exited',
    exited: 'exited',
    paused: 'failed',
    removing: 'deleting',
    unknown: 'failed',
  };
  for (const [Status, kind] of Object.entries(kinds)) {
    const sandbox = observe(engine.set(Status, { Status, StartedAt: START }));
    assert.equal(sandbox && observedState(sandbox.status).kind, kind, Status);
  }
});

test('the exit code, and why', () => {
  const sandbox = observe(engine.set('a', { Status: 'exited', ExitCode: 137, OOMKilled: true }));
  const state = sandbox && observedState(sandbox.status);
  assert.deepEqual(state, { kind: 'exited', exitCode: 137, message: 'OOMKilled' });
});

test('one run is told apart from another, and no run from both', () => {
  const ids = ['0001-01-01T00:00:00Z', START, '2026-11-23T12:00:00.5Z'].map(
    (StartedAt) => observe(engine.set('a', { Status: 'exited', StartedAt }))?.status.instanceId,
  );
  assert.equal(ids[0], '');
  assert.equal(new Set(ids).size, 3);
});

test('a container without a sandbox’s labels is no sandbox', () => {
  const container = engine.set('a', {});
  assert.equal(observe({ ...container, Config: { Labels: null, Tty: false } }), undefined);
});
