import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import type { ContainerState, Owner, PodCondition } from '../../dist/drivers/kubernetes/objects.js';
import { conditionsOf, isDeleting } from '../../dist/drivers/kubernetes/pod-status.js';
import { podWith } from './fixtures.js';

const CREATED_MS = Date.parse('2026-01-01T00:00:00Z');

function stateOf(objects: Parameters<typeof conditionsOf>[0], ageMs = 0) {
  return observedState({
    conditions: conditionsOf(objects, { nowMs: CREATED_MS + ageMs, scheduleTimeoutMs: 60_000 }),
    deleting: isDeleting(objects),
  });
}

function container(state: ContainerState, phase = 'Running', more: object = {}) {
  return podWith({ phase, containerStatuses: [{ name: 'agent', ready: true, state }], ...more });
}

function ofPod(pod: ReturnType<typeof podWith>, ageMs?: number) {
  return stateOf({ pod, owner: undefined }, ageMs);
}

function condition(type: string, status: string, more: Partial<PodCondition> = {}): PodCondition {
  return {
    type,
    status,
    ...more,
  };
}

describe('what a Pod says of its sandbox', () => {
  test('running', () => {
    assert.deepEqual(ofPod(container({ running: { startedAt: 'now' } })), { kind: 'running' });
  });

  test('a node that went silent, then came back', () => {
    const silent = container({ running: {} }, 'Running', { conditions: [condition('Ready', 'False')] });
    const state = ofPod(silent);
    assert.equal(state.kind, 'provisioning');
    assert.match(JSON.stringify(state), /node 'n1' does not respond/);
  });

  test('a node that is lost', () => {
    const lost = container({ running: {} }, 'Running', {
      conditions: [condition('DisruptionTarget', 'True', { reason: 'DeletionByTaintManager' })],
    });
    assert.equal(JSON.stringify(ofPod(lost)).includes('NodeLost'), true);
    assert.equal(ofPod(lost).kind, 'failed');
  });

  const exits: [string, ContainerState['terminated'], object, RegExp, number][] = [
    ['its own end', { exitCode: 3, reason: 'Error' }, {}, /exited with code 3/, 3],
    ['memory', { exitCode: 137, reason: 'OOMKilled' }, {}, /^OOMKilled: .*limit of 64Mi/, 137],
    [
      'eviction',
      { exitCode: 137, reason: 'Error' },
      { reason: 'Evicted', message: 'low on memory' },
      /^Evicted: node 'n1' .*low on memory/,
      137,
    ],
    [
      'its disk limit',
      { exitCode: 137, reason: 'Error' },
      {
        reason: 'Evicted',
        message: 'Pod ephemeral local storage usage exceeds the total limit of containers 8Mi. ',
      },
      /^Evicted: the sandbox exceeded its disk limit: .*8Mi/,
      137,
    ],
    ['a restart of the node', { exitCode: 137, reason: 'ContainerStatusUnknown' }, {}, /^NodeRestarted/, 137],
    ['a shutdown of the node', { exitCode: 143 }, { reason: 'Terminated' }, /^NodeShutdown/, 143],
  ];
  for (const [what, terminated, status, text, exitCode] of exits) {
    test(`ended by ${what}`, () => {
      const state = ofPod(
        podWith({
          phase: 'Failed',
          containerStatuses: [{ name: 'agent', state: { terminated } }],
          ...status,
        } as never),
      );
      assert.ok(state.kind === 'exited');
      assert.equal(state.exitCode, exitCode);
      assert.match(state.message, text);
    });
  }

  test('being evicted, until its process has ended', () => {
    const evicting = container({ running: {} }, 'Failed', { reason: 'Evicted', message: 'low on disk' });
    assert.equal(ofPod(evicting).kind, 'running');
    const unseen = container({ waiting: { reason: 'ContainerCreating' } }, 'Failed', { reason: 'Evicted' });
    assert.equal(ofPod(unseen).kind, 'provisioning');
  });

  test('evicted before it ran', () => {
    const state = ofPod(podWith({ phase: 'Failed', reason: 'Evicted', message: 'low on disk' }));
    assert.deepEqual(state.kind === 'failed' && state.reason, 'Evicted');
  });

  test('no room is waited for, and then is a failure', () => {
    const pod = podWith({
      phase: 'Pending',
      conditions: [condition('PodScheduled', 'False', { reason: 'Unschedulable', message: '0/3 nodes' })],
    });
    const early = ofPod(pod, 1000);
    assert.equal(early.kind, 'provisioning');
    assert.match(JSON.stringify(early), /0\/3 nodes/);
    const late = ofPod(pod, 61_000);
    assert.equal(late.kind === 'failed' && late.reason, 'Unschedulable');
  });

  test('a first failed pull is waited out, a second is told', () => {
    const first = ofPod(container({ waiting: { reason: 'ErrImagePull', message: 'm' } }, 'Pending'));
    assert.equal(first.kind, 'provisioning');
    const again = ofPod(container({ waiting: { reason: 'ImagePullBackOff', message: 'm' } }, 'Pending'));
    assert.deepEqual(again, {
      kind: 'failed',
      reason: 'ImagePullBackOff',
      message: 'the image cannot be pulled: m',
    });
  });

  test('a program or shell that the image lacks', () => {
    const message = (program: string) =>
      `exec: "${program}": stat ${program}: no such file or directory: unknown`;
    const start = (program: string) => {
      const pod = container({
        terminated: { exitCode: 128, reason: 'StartError', message: message(program) },
      });
      (pod.spec.containers[0] as { command: string[] }).command = [program];
      const state = ofPod(pod);
      return state.kind === 'failed' && state.reason;
    };
    assert.equal(start('/bin/sh'), 'NoIdleCommand');
    assert.equal(start('/bin/app'), 'CommandNotFound');
  });
});

describe('what a claim without a Pod says', () => {
  const claim = (state: string, more: object = {}): Owner => ({
    metadata: { name: 'c', annotations: { 'openshell.ai/state': state }, ...more },
    spec: { accessModes: [], resources: { requests: { storage: '1Gi' } } },
  });
  const ofClaim = (state: string, more?: object) => stateOf({ pod: undefined, owner: claim(state, more) });

  test('stopped, cut off, taken away, going', () => {
    assert.equal(ofClaim('stopped').kind, 'stopped');
    const cut = ofClaim('creating');
    assert.equal(cut.kind === 'provisioning' && cut.reason, 'ContainerCreated');
    const taken = ofClaim('started');
    assert.equal(taken.kind === 'failed' && taken.reason, 'BackendResourceMissing');
    assert.equal(ofClaim('started', { deletionTimestamp: 'now' }).kind, 'deleting');
  });

  test('a Pod that ends for a stop is not the end of the sandbox', () => {
    const pod = container({ running: {} });
    pod.metadata.deletionTimestamp = 'now';
    assert.equal(stateOf({ pod, owner: claim('stopped') }).kind, 'running');
    assert.equal(stateOf({ pod, owner: undefined }).kind, 'deleting');
  });
});
