import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { createServerState } from '../../dist/drivers/kubernetes/api-errors.js';
import { createThrottle } from '../../dist/drivers/kubernetes/throttle.js';
import { followGrowth } from '../support/growth.js';
import { answer, fakeApi, type Handler, refusal } from './fake-api.js';

const signal = new AbortController().signal;
async function api(t: TestContext, handler: Handler, timeoutMs?: number) {
  const fake = await fakeApi(handler, timeoutMs);
  t.after(() => fake.close());
  return fake;
}

const request = { path: '/api/v1/pods', what: 'list pods', signal };

/** Answers with each of these in turn, then with 200. */
function inTurn(...answers: Handler[]): Handler {
  let next = 0;
  return (url, response, method) => {
    const one = answers[next++];
    if (one === undefined) {
      answer(response, 200, { ok: true });
    } else {
      one(url, response, method);
    }
  };
}

function status(code: number, reason: string, headers = {}): Handler {
  return (_url, response) => answer(response, code, refusal(code, reason), headers);
}

describe('calls of the API server', () => {
  for (const [what, first] of [
    ['429', status(429, 'TooManyRequests')],
    ['503', status(503, 'ServiceUnavailable')],
    ['a single 500', status(500, 'InternalError')],
    ['a broken connection', ((_url, response) => response.destroy()) satisfies Handler],
  ] as const) {
    test(`are tried again after ${what}`, async (t) => {
      const { rest, requests } = await api(t, inTurn(first, first));
      assert.deepEqual(await rest.json(request), { ok: true });
      assert.equal(requests.length, 3);
    });
  }

  test('wait as long as Retry-After says', async (t) => {
    const { rest } = await api(t, inTurn(status(429, 'TooManyRequests', { 'Retry-After': '1' })));
    const begun = performance.now();
    await rest.json(request);
    assert.ok(performance.now() - begun >= 990);
  });

  test('drop credentials that are refused and try once more', async (t) => {
    const fake = await api(t, inTurn(status(401, 'Unauthorized')));
    await fake.rest.json(request);
    assert.equal(fake.forgotten, 1);
  });

  test('end at their deadline with what stood in the way', async (t) => {
    const { rest } = await api(
      t,
      (_url, response) => answer(response, 503, refusal(503, 'x', 'etcd is away')),
      300,
    );
    await assert.rejects(rest.json(request), { code: Code.UNAVAILABLE, message: /etcd is away/ });
  });

  test('end when the caller does not want them any more', async (t) => {
    const { rest } = await api(t, () => {});
    const caller = new AbortController();
    const call = rest.json({ ...request, signal: caller.signal });
    caller.abort();
    await assert.rejects(call, { name: 'AbortError' });
  });

  const refusals: [number, string, string, Code, string][] = [
    [403, 'Forbidden', 'User "x" cannot list pods', Code.FAILED_PRECONDITION, 'KubernetesForbidden'],
    [403, 'Forbidden', 'exceeded quota: q', Code.RESOURCE_EXHAUSTED, 'QuotaExceeded'],
    [403, 'Forbidden', 'violates PodSecurity "restricted"', Code.FAILED_PRECONDITION, 'PodSecurityViolation'],
    [403, 'Forbidden', 'because it is being terminated', Code.UNAVAILABLE, 'NamespaceTerminating'],
    [404, 'NotFound', 'gone', Code.NOT_FOUND, 'NotFound'],
    [409, 'AlreadyExists', 'there', Code.ALREADY_EXISTS, 'AlreadyExists'],
    [409, 'Conflict', 'changed', Code.ABORTED, 'Conflict'],
    [422, 'Invalid', 'bad', Code.INVALID_ARGUMENT, 'Invalid'],
  ];
  for (const [http, reason, message, code, named] of refusals) {
    test(`name a refusal: ${message}`, async (t) => {
      const { rest, requests } = await api(t, (_url, response) =>
        answer(response, http, refusal(http, reason, message)),
      );
      await assert.rejects(rest.json(request), { code, reason: named });
      assert.equal(requests.length, 1);
    });
  }
});

const broken: Handler = (_url, response) => void response.destroy();
const forbidden: Handler = (_url, response) =>
  answer(response, 403, refusal(403, 'Forbidden', 'User "x" cannot list pods'));

describe('a server that has just come back', () => {
  test('is asked again until it knows its roles', async (t) => {
    const { rest, requests } = await api(t, inTurn(broken, forbidden, forbidden));
    assert.deepEqual(await rest.json(request), { ok: true });
    assert.equal(requests.length, 4);
  });

  test('is not taken at its word by a stream either', async (t) => {
    const { rest } = await api(t, inTurn(broken, forbidden));
    await assert.rejects(rest.stream(request), { code: Code.UNAVAILABLE, reason: 'KubernetesUnreachable' });
    await assert.rejects(rest.stream(request), { code: Code.UNAVAILABLE, reason: 'KubernetesStarting' });
    (await rest.stream(request)).destroy();
  });

  test('is believed once it had the time', () => {
    const late = createServerState(new URL('http://fake'), 0);
    late.lost(new Error('gone'));
    const body = JSON.stringify(refusal(403, 'Forbidden', 'User "x" cannot list pods'));
    assert.equal(late.refused(403, body, 'list pods').reason, 'KubernetesForbidden');
  });

  test('is believed in all that is no missing permission', async (t) => {
    const { rest } = await api(t, inTurn(broken, status(422, 'Invalid')));
    await assert.rejects(rest.json(request), { code: Code.INVALID_ARGUMENT });
  });
});

/** Sends these bytes again and again until nobody takes them. */
async function flood(response: ServerResponse, bytes: Buffer, times = Number.POSITIVE_INFINITY) {
  for (let i = 0; i < times && !response.destroyed; i++) {
    if (!response.write(bytes)) {
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  }
  response.end();
}

test('a refusal without end is not read to it', async (t) => {
  const { rest } = await api(t, async (_url, response) => {
    response.writeHead(403);
    await flood(response, Buffer.alloc(65_536, 'x'));
  });
  const growth = followGrowth([process.pid]);
  t.after(growth.stop);
  await assert.rejects(rest.json(request), { code: Code.FAILED_PRECONDITION });
  await assert.rejects(rest.stream(request), { code: Code.FAILED_PRECONDITION });
  assert.ok(growth.mostMib() < 64);
});

describe('lists', () => {
  const page = (items: string[], next?: string) => ({
    metadata: { resourceVersion: '7', ...(next && { continue: next }) },
    items: items.map((name) => ({ metadata: { name } })),
  });

  test('are read in pages', async (t) => {
    const { rest, requests } = await api(t, (url, response) =>
      answer(response, 200, url.searchParams.get('continue') ? page(['b']) : page(['a'], 'more')),
    );
    const { items, resourceVersion } = await rest.list(request);
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['a', 'b'],
    );
    assert.equal(resourceVersion, '7');
    assert.equal(requests[0]?.searchParams.get('limit'), '500');
  });

  test('are asked for in smaller pages when one is too large', async (t) => {
    const { rest, requests } = await api(t, (url, response) => {
      if (url.searchParams.get('limit') !== '500') {
        return answer(response, 200, page(['a']));
      }
      flood(response, Buffer.alloc(1024 * 1024, ' '), 70);
    });
    assert.equal((await rest.list(request)).items.length, 1);
    assert.deepEqual(
      requests.map((one) => one.searchParams.get('limit')),
      ['500', '50'],
    );
  });

  test('begin again when the server has forgotten a page', async (t) => {
    let lost = false;
    const { rest } = await api(t, (url, response) => {
      if (!url.searchParams.get('continue')) {
        return answer(response, 200, page(['a'], 'more'));
      }
      if (lost) {
        return answer(response, 200, page(['b']));
      }
      lost = true;
      answer(response, 410, refusal(410, 'Expired'));
    });
    const { items } = await rest.list(request);
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['a', 'b'],
    );
  });
});

describe('the throttle', () => {
  test('lets a burst through, then a steady rate, then a burst again after quiet', async () => {
    let nowMs = 0;
    const waits: number[] = [];
    const throttle = createThrottle({ perSecond: 10, burst: 3, now: () => nowMs });
    const take = async () => {
      const cut = new AbortController();
      const taken = throttle.take(cut.signal).then(
        () => waits.push(0),
        () => waits.push(1),
      );
      await new Promise((resolve) => setImmediate(resolve));
      cut.abort();
      await taken;
    };
    for (let i = 0; i < 4; i++) {
      await take();
    }
    assert.deepEqual(waits, [0, 0, 0, 1]);
    nowMs = 10_000;
    for (let i = 0; i < 4; i++) {
      await take();
    }
    assert.deepEqual(waits.slice(4), [0, 0, 0, 1]);
  });
});
