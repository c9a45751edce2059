import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedSandbox } from '../../dist/compute/sandbox.js';
import { createListed } from '../../dist/drivers/container/listed.js';

interface Container {
  readonly Id: string;
  readonly state: string;
}

function sandboxOf({ Id, state }: Container): ObservedSandbox | undefined {
  return Id === 'foreign'
    ? undefined
    : {
        ...{ id: Id, name: Id, workspace: 'default', namespace: '' },
        status: { resourceName: Id, instanceId: state, conditions: [], deleting: false },
      };
}

test('a container is looked at only when its listed state is not the one last seen', async () => {
  const engine = new Map<string, Container>();
  const set = (Id: string, state: string) => engine.set(Id, { Id, state });
  let looks: string[] = [];
  const listed = createListed<Container, Container>({
    limit: 4,
    listedState: ({ state }) => state,
    seenState: ({ state }) => state,
    observe: sandboxOf,
  });
  const list = async () => {
    looks = [];
    const found = await listed.all([...engine.values()], async (id) => {
      looks.push(id);
      return engine.get(id);
    });
    return found.map(({ status }) => `${status.resourceName} ${status.instanceId}`);
  };
  for (let i = 0; i < 1_000; i++) {
    set(`c-${i}`, 'running');
  }
  assert.equal((await list()).length, 1_000);
  assert.equal(looks.length, 1_000);
  await list();
  assert.deepEqual(looks, []);

  set('c-1', 'exited 3');
  assert.ok((await list()).includes('c-1 exited 3'));
  assert.deepEqual(looks, ['c-1']);
  // A look that the driver took for another reason counts.
  set('c-2', 'exited 0');
  listed.see({ Id: 'c-2', state: 'exited 0' });
  assert.ok((await list()).includes('c-2 exited 0'));
  assert.deepEqual(looks, []);
  // What is gone is forgotten.
  engine.delete('c-3');
  assert.equal((await list()).length, 999);
  set('c-3', 'running');
  await list();
  assert.deepEqual(looks, ['c-3']);
});
