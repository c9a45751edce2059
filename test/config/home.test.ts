import assert from 'node:assert/strict';
import { test } from 'node:test';
import { homePaths } from '../../dist/config/home.js';

test('folders follow the XDG variables when they are absolute', () => {
  assert.deepEqual(homePaths({}, '/home/a'), {
    configDir: '/home/a/.config/openshell',
    stateDir: '/home/a/.local/state/openshell',
  });
  assert.deepEqual(homePaths({ XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: 'relative' }, '/home/a'), {
    configDir: '/c/openshell',
    stateDir: '/home/a/.local/state/openshell',
  });
});
