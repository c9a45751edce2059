import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, equals } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { accessMethods, driverMethods } from '../../dist/wire/compute/index.js';
import { healthMethods } from '../../dist/wire/health/index.js';
import type { Method } from '../../dist/wire/method.js';
import { methodTable } from '../../dist/wire/service.js';
import { OpenShell } from '../../dist/wire/v00/generated/openshell/v1/openshell_pb.js';
import { methods, SandboxPhase } from '../../dist/wire/v00/index.js';
import { arbitraryMessage } from './arbitrary-message.js';

const everyMethod: Method[] = [
  ...Object.values(methodTable(OpenShell)),
  ...Object.values(driverMethods),
  ...Object.values(accessMethods),
  ...Object.values(healthMethods),
];

test('random messages of every method come back as they were sent', () => {
  for (const method of everyMethod) {
    roundTrip(method.input, method.encodeRequest, method.decodeRequest);
    roundTrip(method.output, method.encodeResponse, method.decodeResponse);
  }
});

function roundTrip(
  schema: DescMessage,
  encode: Method['encodeRequest'],
  decode: Method['decodeRequest'],
): void {
  fc.assert(
    fc.property(arbitraryMessage(schema), (init) => {
      const sent = create(schema, init);
      assert(equals(schema, decode(encode(sent)), sent));
    }),
    { numRuns: 30 },
  );
}

test('64-bit integers are bigint and keep their whole range', () => {
  const bytes = methods.getSandbox.encodeResponse({
    sandbox: { metadata: { createdAtMs: -(2n ** 63n), resourceVersion: 2n ** 64n - 1n } },
  });
  const metadata = methods.getSandbox.decodeResponse(bytes).sandbox?.metadata;
  assert.equal(metadata?.createdAtMs, -(2n ** 63n));
  assert.equal(metadata?.resourceVersion, 2n ** 64n - 1n);
});

test('a Struct field is a plain JSON object', () => {
  const driverConfig = { docker: { mounts: [{ type: 'volume', readOnly: true }], count: 2.5, none: null } };
  const bytes = methods.createSandbox.encodeRequest({ spec: { template: { driverConfig } } });
  assert.deepEqual(methods.createSandbox.decodeRequest(bytes).spec?.template?.driverConfig, driverConfig);
});

test('an optional field set to its zero value differs from one that is unset', () => {
  const count = (gpu: { count?: number }) =>
    methods.createSandbox.decodeRequest(
      methods.createSandbox.encodeRequest({ spec: { resourceRequirements: { gpu } } }),
    ).spec?.resourceRequirements?.gpu?.count;
  assert.equal(count({}), undefined);
  assert.equal(count({ count: 0 }), 0);

  const exitCode = (status: { exitCode?: number }) =>
    methods.getSandbox.decodeResponse(methods.getSandbox.encodeResponse({ sandbox: { status } })).sandbox
      ?.status?.exitCode;
  assert.equal(exitCode({}), undefined);
  assert.equal(exitCode({ exitCode: 0 }), 0);
});

test('fields and enum values of a later generation are no error', () => {
  const phase = methods.getSandbox.decodeResponse(Buffer.from([0x0a, 4, 0x1a, 2, 0x30, 9])).sandbox?.status
    ?.phase;
  assert.equal(SandboxPhase[Number(phase)], undefined);
  assert.equal(phase, 9);

  const request = methods.getSandbox.decodeRequest(Buffer.from([0x0a, 1, 0x61, 0x9a, 0x06, 1, 0x62]));
  assert.equal(request.name, 'a');
  assert.equal(request.$unknown, undefined);
});
