import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Condition,
  exitedConditions,
  failedConditions,
  runningConditions,
  startingConditions,
  suspendedConditions,
} from '../../dist/compute/conditions.js';
import type { ObservedSandbox } from '../../dist/compute/sandbox.js';
import {
  followFailed,
  observe,
  toFailedWithLeftovers,
  toNotAnswering,
} from '../../dist/gateway/lifecycle/transition.js';
import type { Intent, SandboxPhase, SandboxRecord } from '../../dist/store/model.js';

const NOW = 1_000_000;

function row(phase: SandboxPhase, change: Partial<SandboxRecord> = {}): SandboxRecord {
  return {
    id: 'id',
    name: 'box',
    workspace: 'default',
    driver: 'fake',
    labels: {},
    annotations: {},
    createdAtMs: 1,
    deletionAtMs: 0,
    resourceVersion: 1,
    spec: { restartPolicy: 'never' } as SandboxRecord['spec'],
    intent: 'run',
    phase,
    exitCode: undefined,
    reason: '',
    message: '',
    resourceName: 'box-id',
    instanceId: 'run-1',
    conditions: [],
    restarts: { count: 0, delayMs: 0, nextAtMs: 0 },
    startedAtMs: 500,
    fromTemplate: undefined,
    ...change,
  };
}

const SHOWN = {
  running: runningConditions(),
  exited: exitedConditions(3),
  stopped: suspendedConditions(),
  paused: failedConditions('ContainerPaused', 'paused'),
  created: startingConditions('ContainerCreated', 'made'),
  starting: startingConditions('Starting', 'on its way'),
} as const satisfies Record<string, Condition[]>;

function shown(kind: keyof typeof SHOWN, instanceId = 'run-1'): ObservedSandbox {
  return {
    id: 'id',
    name: 'box',
    workspace: 'default',
    namespace: 'ns',
    status: { resourceName: 'box-id', instanceId, conditions: SHOWN[kind], deleting: false },
  };
}

/** phase, what is shown of the same run, what is shown of another run. `-` stands for no change. */
const OBSERVED: [SandboxPhase, keyof typeof SHOWN, string, string][] = [
  ['provisioning', 'running', 'running', 'running'],
  ['provisioning', 'exited', '-', 'running exited'],
  ['provisioning', 'stopped', '-', '-'],
  ['provisioning', 'paused', 'failed', 'failed'],
  ['provisioning', 'starting', 'provisioning', 'provisioning'],
  ['running', 'running', '-', 'running'],
  ['running', 'exited', 'exited', 'running exited'],
  ['running', 'stopped', 'stopped', 'stopped'],
  ['running', 'paused', 'failed', 'failed'],
  ['running', 'starting', 'provisioning', 'provisioning'],
  ['starting', 'running', '-', 'running'],
  ['starting', 'exited', '-', 'running exited'],
  ['starting', 'stopped', '-', '-'],
  ['starting', 'paused', 'failed', 'failed'],
  ['exited', 'running', '-', 'running'],
  ['exited', 'exited', '-', 'running exited'],
  ['exited', 'stopped', '-', '-'],
  ['exited', 'paused', '-', '-'],
  ['stopped', 'running', 'running', 'running'],
  ['stopped', 'exited', '-', '-'],
  ['stopped', 'paused', '-', '-'],
  ['failed', 'running', '-', '-'],
  ['failed', 'exited', '-', '-'],
  ['stopping', 'running', '-', '-'],
  ['deleting', 'running', '-', '-'],
];

function phases(changes: readonly { phase?: SandboxPhase | undefined }[]): string {
  return changes.map(({ phase }) => phase).join(' ') || '-';
}

test('what an observation makes of each phase', () => {
  for (const [phase, kind, same, other] of OBSERVED) {
    assert.equal(phases(observe(row(phase), shown(kind), NOW)), same, `${phase} shown ${kind}`);
    assert.equal(
      phases(observe(row(phase), shown(kind, 'run-2'), NOW)),
      other,
      `${phase} shown ${kind} anew`,
    );
    for (const intent of ['stop', 'delete'] satisfies Intent[]) {
      assert.deepEqual(observe(row(phase, { intent }), shown(kind, 'run-2'), NOW), [], `${phase}, ${intent}`);
    }
  }
});

const NEVER_RAN = { resourceName: '', instanceId: '', startedAtMs: 0 };

/** What is shown, then of a row that ran: intent run, intent stop; and of one that never ran. */
const FOLLOWED: [keyof typeof SHOWN, string, string, string][] = [
  ['running', 'running', 'running', 'running'],
  ['exited', 'exited', 'stopped', 'running exited'],
  ['stopped', 'stopped', 'stopped', 'clean'],
  ['paused', '-', '-', 'clean'],
  ['created', '-', '-', 'clean'],
  ['starting', '-', '-', 'provisioning'],
];

test('what becomes of a failed sandbox whose engine shows a resource', () => {
  const outcome = (record: SandboxRecord, kind: keyof typeof SHOWN) => {
    const followed = followFailed(record, shown(kind), NOW);
    return followed === 'clean' ? followed : phases(followed);
  };
  for (const [kind, run, stop, never] of FOLLOWED) {
    assert.equal(outcome(row('failed'), kind), run, kind);
    assert.equal(outcome(row('failed', { intent: 'stop' }), kind), stop, `${kind}, to be stopped`);
    assert.equal(outcome(row('failed', NEVER_RAN), kind), never, `${kind}, never ran`);
    assert.equal(outcome(row('failed', { intent: 'delete' }), kind), '-');
    assert.equal(outcome(row('running'), kind), '-', 'a row that has not failed');
    const half = { ...row('failed', NEVER_RAN), ...toFailedWithLeftovers('CreateFailed', 'no', NOW) };
    assert.equal(outcome(half as SandboxRecord, kind), 'clean', `${kind}, undo pending`);
  }
});

test('a failed sandbox that runs again keeps the time of its start and may be stopped', () => {
  const [change] = followFailed(row('failed', { intent: 'stop' }), shown('running'), NOW);
  assert.ok(typeof change === 'object');
  assert.deepEqual([change.intent, change.startedAtMs, change.reason], ['run', 500, '']);
});

test('that an engine does not answer is written once', () => {
  const before = row('starting');
  const [change] = toNotAnswering(before, 'timed out', NOW);
  assert.equal(change?.phase, undefined);
  assert.equal(change?.conditions?.[0]?.reason, 'EngineNotAnswering');
  const after = { ...before, ...change } as SandboxRecord;
  assert.deepEqual(toNotAnswering(after, 'timed out', NOW + 1), []);
  assert.equal(toNotAnswering(after, 'refused', NOW + 1).length, 1);
});
