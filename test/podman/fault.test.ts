import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { engineError } from '../../dist/drivers/podman/api/fault.js';

function fault(status: number, message: string) {
  return engineError(status, JSON.stringify({ cause: 'why', message, response: status }));
}

test("Podman's sentences mean more than their status", () => {
  const told: readonly (readonly [number, string, Code])[] = [
    [500, 'route ip+net: no such network interface', Code.ABORTED],
    [409, 'network name a-net already used: network already exists', Code.ALREADY_EXISTS],
    [500, 'volume with name a already exists: volume already exists', Code.ALREADY_EXISTS],
    [500, 'creating container storage: the name "a" is already in use by 984b', Code.ALREADY_EXISTS],
    [500, 'container 984b does not exist in database: no such container', Code.NOT_FOUND],
    [409, 'container 984b is running', Code.FAILED_PRECONDITION],
    [500, 'something else', Code.INTERNAL],
  ];
  for (const [status, message, code] of told) {
    const error = fault(status, message);
    assert.equal(error.code, code, message);
    assert.equal(error.message, `Podman: ${message}`);
  }
});

test('an answer that is no JSON is told as it is', () => {
  assert.equal(engineError(500, ' bad gateway \n').message, 'Podman: bad gateway');
  assert.equal(engineError(404, '').message, 'Podman: status 404');
});
