import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenShellError } from '../../dist/compute/errors.js';
import type { Handler } from '../../dist/gateway/api/method.js';
import { createApi } from '../../dist/gateway/api/served.js';
import { methods as v00 } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { rpcs } from '../../dist/wire/v01/rpcs.js';
import { caller } from '../support/caller.js';
import { stubServices } from './stub-services.js';

const me = caller();

const seen: string[] = [];
const api = createApi(stubServices, (method, generation) => seen.push(`${method} ${generation}`));
async function handlerOf(name: string): Promise<Handler> {
  const method = api.methods.find(({ path }) => path.endsWith(`OpenShell/${name}`));
  assert(method !== undefined);
  return method.handler();
}

async function ask(name: string, bytes: Buffer): Promise<Uint8Array> {
  const handler = await handlerOf(name);
  assert(handler.kind === 'unary');
  return handler.handle(bytes, me);
}

test('every method of the service is known before anything is loaded', () => {
  const paths = new Set(api.methods.map(({ path }) => path));
  for (const { path } of rpcs) {
    assert(paths.has(path), path);
  }
});

test('Health is answered and counted at once', async () => {
  const answer = v00.health.decodeResponse(await ask('Health', Buffer.alloc(0)));
  assert.equal(answer.version, stubServices.info.version);
  assert.deepEqual(seen.splice(0), ['Health either']);
});

test('a Health request with content is read as any other', async () => {
  const unknownField = Buffer.from([0x78, 0x01]);
  const answer = v01.health.decodeResponse(await ask('Health', unknownField));
  assert.equal(answer.version, stubServices.info.version);
  assert.deepEqual(seen.splice(0), ['Health either']);
  await assert.rejects(
    ask('Health', Buffer.from([0xff])),
    (error) => error instanceof OpenShellError && error.reason === 'MalformedRequest',
  );
});

test('a method that is not served is refused by name, whatever its streaming', async () => {
  for (const name of ['CreateProvider', 'PushSandboxLogs', 'PeerRelay']) {
    assert.equal((await handlerOf(name)).kind, 'unimplemented');
  }
});

test('the first request needs no load before it', async () => {
  const fresh = createApi(stubServices, () => {});
  const method = fresh.methods.find(({ path }) => path.endsWith('/GetCurrentUser'));
  const handler = await method?.handler();
  assert(handler?.kind === 'unary');
  const answer = v01.getCurrentUser.decodeResponse(await handler.handle(Buffer.alloc(0), me));
  assert.equal(answer.subject, 'me');
});
