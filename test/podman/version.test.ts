import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiateVersion } from '../../dist/drivers/podman/api/version.js';

test('the API version that is spoken with each service', () => {
  const spoken: Record<string, string | undefined> = {
    '4.3.1': '4.3.1',
    '4.9.4-rhel': '4.9.4',
    '5.0.0': '5.0.0',
    '5.8.2-dev': '5.8.2',
    'v5.1': '5.1.0',
    '6.0.0': '5.0.0',
    '4.2.1': undefined,
    '3.4.4': undefined,
    '1.41': undefined,
    '': undefined,
    five: undefined,
  };
  for (const [served, version] of Object.entries(spoken)) {
    assert.equal(negotiateVersion(served), version, `'${served}'`);
  }
});
