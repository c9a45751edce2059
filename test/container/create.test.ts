import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code, failedPrecondition, OpenShellError } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { createContainers } from '../../dist/drivers/container/containers.js';
import { createSandbox } from '../../dist/drivers/container/create.js';
import type { ContainerEngine, ContainerPlan, ImageInfo } from '../../dist/drivers/container/engine.js';

const SANDBOX = { id: 's', name: 'box', workspace: 'default', namespace: '' } as DriverSandbox;
const STEPS = ['list', 'image', 'check', 'prepare', 'createContainer', 'prepareWorkspace', 'start'] as const;
type Step = (typeof STEPS)[number];

/** An engine that does `fault` at one step, and keeps which steps it took. */
function engineWith(at: Step | undefined, fault: () => void, existing: readonly string[] = []) {
  const steps: string[] = [];
  function take(step: Step) {
    steps.push(step);
    if (step === at) {
      fault();
    }
  }
  const engine = {
    title: 'Podman',
    plan: () => ({ image: 'image:1', otherImages: [] }),
    list: async () => {
      take('list');
      return existing.map((Id) => ({ Id, sandboxId: 's', state: 'running' }));
    },
    check: async () => take('check'),
    prepare: async () => take('prepare'),
    createContainer: async () => {
      take('createContainer');
      return 'c';
    },
    prepareWorkspace: async () => take('prepareWorkspace'),
    start: async () => take('start'),
    images: {
      inspect: async () => {
        take('image');
        return { Id: 'i', Labels: null };
      },
    },
    remove: async () => {
      steps.push('remove');
      return true;
    },
    undoPrepare: async () => void steps.push('undoPrepare'),
  } as unknown as ContainerEngine<ContainerPlan, ImageInfo>;
  const cancel = new AbortController();
  const reasons: string[] = [];
  function create() {
    return createSandbox(
      SANDBOX,
      {
        engine,
        containers: createContainers(engine),
        pullPolicy: 'missing',
        report: ({ reason }) => void reasons.push(reason),
        log: silentLogger,
      },
      { signal: cancel.signal },
    );
  }
  return { steps, cancel, reasons, create };
}

/** What undoes it: before the id is known to be free, nothing but what was prepared. */
const UNDO: Readonly<Record<Step, string>> = {
  list: 'undoPrepare',
  image: 'undoPrepare',
  check: 'undoPrepare',
  prepare: 'remove',
  createContainer: 'remove',
  prepareWorkspace: 'remove',
  start: 'remove',
};

test('a sandbox is made, started and reported', async () => {
  const { create, reasons } = engineWith(undefined, () => {});
  assert.equal(await create(), 'c');
  assert.deepEqual(reasons, ['Scheduled', 'ImagePresent', 'Created', 'Started']);
});

for (const step of STEPS) {
  test(`a failure of ${step} is undone by ${UNDO[step]}, and is what the caller gets`, async () => {
    const { create, steps } = engineWith(step, () => {
      throw failedPrecondition('broken', { reason: 'ContainerCreateFailed' });
    });
    await assert.rejects(create(), { code: Code.FAILED_PRECONDITION, message: /broken/ });
    assert.equal(steps.at(-1), UNDO[step]);
    assert.equal(steps.filter((one) => one === 'remove' || one === 'undoPrepare').length, 1);
  });

  test(`cancelled during ${step}: undone by ${UNDO[step]} or ${'remove'}`, async () => {
    const made = engineWith(step, () => made.cancel.abort(new Error('deleted')));
    await assert.rejects(made.create(), /deleted/);
    assert.ok(['remove', UNDO[step]].includes(made.steps.at(-1) ?? ''), made.steps.join());
  });
}

test('an id that exists: nothing of that sandbox is touched', async () => {
  const { create, steps } = engineWith(undefined, () => {}, ['other']);
  await assert.rejects(create(), { code: Code.ALREADY_EXISTS });
  assert.ok(!steps.includes('remove') && !steps.includes('createContainer'), steps.join());
});

test('a name that is taken at the last moment: the container is another call’s, and stays', async () => {
  const { create, steps } = engineWith('createContainer', () => {
    throw new OpenShellError(Code.ALREADY_EXISTS, 'the name is in use');
  });
  await assert.rejects(create(), { code: Code.ALREADY_EXISTS, message: /has a sandbox with the id s/ });
  assert.ok(!steps.includes('remove'), steps.join());
});
