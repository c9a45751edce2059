import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerInspectInfo } from 'dockerode';
import { observedState } from '../../dist/compute/conditions.js';
import { LABEL } from '../../dist/compute/labels.js';
import { createEmitted } from '../../dist/drivers/container/emitted.js';
import { observedSandbox } from '../../dist/drivers/docker/status.js';

const STARTED = '2026-11-23T12:00:00.5Z';

function container(state: Partial<ContainerInspectInfo['State']> & { Status: string }) {
  return {
    Id: '0123456789abcdef',
    Name: '/openshell-default--box-1',
    Config: { Labels: { [LABEL.sandboxId]: '1', [LABEL.sandboxName]: 'box' } },
    State: { ExitCode: 0, Error: '', OOMKilled: false, StartedAt: STARTED, FinishedAt: '', ...state },
  } as unknown as ContainerInspectInfo;
}

function kind(state: Parameters<typeof container>[0]) {
  return observedState(observedSandbox(container(state)).status);
}

test("the engine's words for a state", () => {
  assert.equal(kind({ Status: 'running' }).kind, 'running');
  assert.equal(kind({ Status: 'created' }).kind, 'provisioning');
  assert.equal(kind({ Status: 'restarting' }).kind, 'provisioning');
  assert.equal(kind({ Status: 'paused' }).kind, 'failed');
  assert.equal(kind({ Status: 'dead' }).kind, 'failed');
  assert.equal(kind({ Status: 'removing' }).kind, 'deleting');
  assert.deepEqual(kind({ Status: 'exited', ExitCode: 3 }), {
    kind: 'exited',
    exitCode: 3,
    message: 'the main process exited with code 3',
  });
  const killed = kind({ Status: 'exited', ExitCode: 137, OOMKilled: true });
  assert.match(killed.kind === 'exited' ? killed.message : '', /^OOMKilled/);
});

test('each run has an id of its own, and none before the first', () => {
  const id = (StartedAt: string) =>
    observedSandbox(container({ Status: 'running', StartedAt })).status.instanceId;
  assert.equal(id('0001-01-01T00:00:00Z'), '');
  assert.notEqual(id(STARTED), id('2026-11-23T12:00:01Z'));
});

test('a watch says nothing twice and leaves out no start', () => {
  const published = createEmitted();
  const kinds = (state: Parameters<typeof container>[0]) => {
    const info = container(state);
    const seen = { containerId: info.Id, sandbox: observedSandbox(info), startedAt: info.State.StartedAt };
    return [...published.update(seen)].map((event) =>
      event.type === 'sandbox' ? observedState(event.sandbox.status).kind : event.type,
    );
  };
  assert.deepEqual(kinds({ Status: 'exited' }), ['running', 'exited'], 'over before anybody looked');
  assert.deepEqual(kinds({ Status: 'exited' }), []);
  assert.deepEqual(kinds({ Status: 'running', StartedAt: '2026-11-23T13:00:00Z' }), ['running']);
  assert.deepEqual(kinds({ Status: 'exited', StartedAt: '2026-11-23T13:00:00Z' }), ['exited']);
  assert.deepEqual([...published.removeContainer('unknown')], []);
  assert.deepEqual([...published.removeContainer('0123456789abcdef')], [{ type: 'deleted', id: '1' }]);
  assert.deepEqual([...published.removeContainer('0123456789abcdef')], []);
});
