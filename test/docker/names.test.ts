import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { containerName } from '../../dist/drivers/container/names.js';
import { workspaceVolumeName } from '../../dist/drivers/docker/names.js';

const ENGINE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

test('workspace, name and id', () => {
  assert.equal(containerName({ workspace: 'default', name: 'box', id: 'abc' }), 'openshell-default--box-abc');
});

test('whatever the parts are, the engine takes the name, and the id is in it', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ maxLength: 400 }), fc.uuid(), (workspace, name, id) => {
      for (const made of [containerName({ workspace, name, id }), workspaceVolumeName({ id })]) {
        assert.match(made, ENGINE_NAME);
        assert.ok(made.length <= 200);
        assert.ok(made.endsWith(id));
      }
    }),
  );
});
