import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import type { KubeObject } from '../../dist/drivers/kubernetes/objects.js';
import { type Change, reflect } from '../../dist/drivers/kubernetes/reflector.js';
import { answer, fakeApi, refusal } from './fake-api.js';

function object(name: string, version: number): KubeObject {
  return {
    metadata: { name, resourceVersion: String(version) },
  };
}

function line(type: string, value: object) {
  return `${JSON.stringify({ type, object: value })}\n`;
}

function list(version: number, ...names: string[]) {
  return {
    metadata: { resourceVersion: String(version) },
    items: names.map((name) => object(name, version)),
  };
}

interface Script {
  /** Answers to lists, in turn; the last one is used again. */
  readonly lists: object[];
  /** What each watch does, in turn; further ones stay open and silent. */
  readonly watches: ((response: ServerResponse) => void)[];
}

async function run(t: TestContext, { lists, watches }: Script, until: number, idleTimeoutMs?: number) {
  let listed = 0;
  let watched = 0;
  const fake = await fakeApi((url, response) => {
    if (url.searchParams.get('watch') !== 'true') {
      answer(response, 200, lists[Math.min(listed++, lists.length - 1)]);
      return;
    }
    response.writeHead(200);
    response.flushHeaders();
    watches[watched++]?.(response);
  });
  t.after(() => fake.close());
  const stop = new AbortController();
  const said: string[] = [];
  const changes = reflect<KubeObject>({
    rest: fake.rest,
    path: '/api/v1/pods',
    query: { labelSelector: 'a=b' },
    what: 'pods',
    signal: stop.signal,
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  });
  for await (const change of changes) {
    said.push(tell(change));
    if (said.length === until) {
      break;
    }
  }
  stop.abort();
  const versions = fake.requests
    .filter((url) => url.searchParams.has('watch'))
    .map((url) => url.searchParams.get('resourceVersion'));
  return { said, versions };
}

function tell(change: Change<KubeObject>): string {
  return change.type === 'list'
    ? `list ${change.items.map(({ metadata }) => metadata.name)}`
    : `${change.type} ${change.object.metadata.name}`;
}

describe('a watch', () => {
  test('lists, then goes on from there', async (t) => {
    const { said, versions } = await run(
      t,
      {
        lists: [list(5, 'a')],
        watches: [
          (response) => {
            response.write(line('MODIFIED', object('a', 6)));
            response.write(line('DELETED', object('a', 7)));
          },
        ],
      },
      3,
    );
    assert.deepEqual(said, ['list a', 'put a', 'gone a']);
    assert.deepEqual(versions, ['5']);
  });

  test('that ends or breaks is taken up where it was, bookmarks included', async (t) => {
    const { said, versions } = await run(
      t,
      {
        lists: [list(5)],
        watches: [
          (response) => {
            response.write(line('ADDED', object('a', 6)));
            response.end(line('BOOKMARK', object('', 9)));
          },
          (response) => {
            response.write(line('ADDED', object('b', 10)).slice(0, -5));
            setImmediate(() => response.destroy());
          },
          (response) => response.write(line('ADDED', object('b', 10))),
        ],
      },
      3,
    );
    assert.deepEqual(said, ['list ', 'put a', 'put b']);
    assert.deepEqual(versions, ['5', '9', '9']);
  });

  for (const [how, expire] of [
    ['within the stream', (response: ServerResponse) => response.end(line('ERROR', refusal(410, 'Expired')))],
  ] as const) {
    test(`whose place is too old lists again (${how})`, async (t) => {
      const { said } = await run(
        t,
        {
          lists: [list(5, 'a'), list(50, 'b')],
          watches: [expire, (r) => r.write(line('ADDED', object('c', 51)))],
        },
        3,
      );
      assert.deepEqual(said, ['list a', 'list b', 'put c']);
    });
  }

  test('that is silent for too long is taken for dead', async (t) => {
    const { said } = await run(
      t,
      { lists: [list(5)], watches: [() => {}, (response) => response.write(line('ADDED', object('a', 6)))] },
      2,
      100,
    );
    assert.deepEqual(said, ['list ', 'put a']);
  });

  test('does not ask in a circle when every watch ends at once', async (t) => {
    const ends = Array.from({ length: 100 }, () => (response: ServerResponse) => response.end());
    const { versions } = await run(
      t,
      {
        lists: [list(5)],
        watches: [...ends.slice(0, 2), (response) => response.write(line('ADDED', object('a', 6))), ...ends],
      },
      2,
    );
    assert.equal(versions.length, 3);
  });

  test('outlasts a server that came back and does not know its roles yet', async (t) => {
    const { said, versions } = await run(
      t,
      {
        lists: [list(5)],
        watches: [
          (response) => void setImmediate(() => response.destroy()),
          (response) => response.end(line('ERROR', refusal(403, 'Forbidden', 'cannot watch pods'))),
          (response) => response.write(line('ADDED', object('a', 6))),
        ],
      },
      2,
    );
    assert.deepEqual(said, ['list ', 'put a']);
    assert.deepEqual(versions, ['5', '5', '5']);
  });

  test('ends with the refusal when it is not allowed', async (t) => {
    const fake = await fakeApi((_url, response) => answer(response, 403, refusal(403, 'Forbidden')));
    t.after(() => fake.close());
    const changes = reflect({
      rest: fake.rest,
      path: '/api/v1/pods',
      query: {},
      what: 'pods',
      signal: new AbortController().signal,
    });
    await assert.rejects(changes.next(), { code: Code.FAILED_PRECONDITION, reason: 'KubernetesForbidden' });
  });
});
