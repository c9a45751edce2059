import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rawServiceDefinition } from '../../dist/rpc/server/definition.js';
import { accessMethods, driverMethods } from '../../dist/wire/compute/index.js';
import { healthMethods } from '../../dist/wire/health/index.js';
import { methodTable } from '../../dist/wire/service.js';
import { OpenShell } from '../../dist/wire/v00/generated/openshell/v1/openshell_pb.js';
import { methods, rpcs, SERVICE } from '../../dist/wire/v00/index.js';

const generated = methodTable(OpenShell);

test('the list of methods is that of the .proto files', () => {
  assert.equal(SERVICE, OpenShell.typeName);
  assert.equal(rpcs.length, 67);
  assert.deepEqual(
    rpcs.map((rpc) => ({ ...rpc })),
    Object.values(generated).map(({ name, path, requestStream, responseStream }) => ({
      name,
      path,
      requestStream,
      responseStream,
    })),
  );
});

test('every served method has the messages that the .proto files give it', () => {
  for (const [key, served] of Object.entries(methods)) {
    const expected = generated[key as keyof typeof generated];
    assert.equal(served.path, expected.path);
    assert.equal(served.input.typeName, expected.input.typeName);
    assert.equal(served.output.typeName, expected.output.typeName);
  }
});

test('paths and streaming are as gRPC needs them', () => {
  assert.equal(methods.getSandbox.path, '/openshell.v1.OpenShell/GetSandbox');
  assert.equal(driverMethods.watchSandboxes.path, '/openshell.compute.v1.ComputeDriver/WatchSandboxes');
  assert.equal(accessMethods.exec.path, '/openshell.access.v1.SandboxAccess/Exec');
  assert.equal(healthMethods.check.path, '/grpc.health.v1.Health/Check');
  const streaming = (method: { requestStream: boolean; responseStream: boolean }) =>
    [method.requestStream, method.responseStream].map(Number).join('');
  assert.equal(streaming(methods.getSandbox), '00');
  assert.equal(streaming(methods.watchSandbox), '01');
  assert.equal(streaming(methods.execSandboxInteractive), '11');
  assert.equal(streaming(generated.pushSandboxLogs), '10');
});

test('a raw service definition hands bytes through', () => {
  const definition = rawServiceDefinition(rpcs);
  assert.equal(Object.keys(definition).length, 67);
  const bytes = Buffer.from('any');
  assert.equal(definition.GetSandbox?.requestDeserialize(bytes), bytes);
  assert.equal(definition.GetSandbox?.responseSerialize(bytes), bytes);
});
