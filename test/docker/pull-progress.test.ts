import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPullProgress } from '../../dist/drivers/docker/pull-progress.js';

test('layers are counted and their bytes summed up', () => {
  const sums = createPullProgress();
  assert.equal(sums.add({ status: 'Pulling from library/x', id: 'latest' }), undefined);
  assert.equal(sums.add({ status: 'Pulling fs layer', id: 'a' }), '0 of 1 layers');
  assert.equal(sums.add({ status: 'Already exists', id: 'b' }), '1 of 2 layers');
  const detail = { current: 30_000_000, total: 60_000_000 };
  assert.equal(
    sums.add({ status: 'Downloading', id: 'a', progressDetail: detail }),
    '1 of 2 layers, 30 of 60 MB',
  );
  assert.equal(
    sums.add({ status: 'Extracting', id: 'a', progressDetail: { current: 1, total: 9 } }),
    '1 of 2 layers, 30 of 60 MB',
  );
  assert.equal(sums.add({ status: 'Pull complete', id: 'a' }), '2 of 2 layers, 60 of 60 MB');
  assert.equal(sums.add({ status: 'Digest: sha256:1' }), undefined);
});
