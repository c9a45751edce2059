import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import type { Owner } from '../../dist/drivers/kubernetes/objects.js';
import { planSandbox } from '../../dist/drivers/kubernetes/pod.js';
import { createPodSeal, type PodSealOptions } from '../../dist/drivers/kubernetes/pod-seal.js';
import { defaults, GATEWAY, sandbox } from './fixtures.js';

const place = { namespace: 'openshell', name: 'team--box' };
function planned(box = sandbox()) {
  return planSandbox(box, place, { gatewayId: GATEWAY, version: '0' }, defaults()).pod;
}

function sealOf(more: Partial<PodSealOptions> = {}) {
  return createPodSeal({ gatewayId: GATEWAY, secret: 'ab'.repeat(32), trustUnsigned: false, ...more });
}

function claimWith(annotations: Record<string, string>, more: Partial<Owner['metadata']> = {}): Owner {
  return {
    metadata: { ...place, ...more, annotations },
    spec: {},
  };
}

const SIGNATURE = 'openshell.ai/pod-signature';
const POD = 'openshell.ai/pod';

describe('the Pod that a claim keeps', () => {
  const pod = planned(sandbox({ environment: { A: 'ä\n"' } }));
  const sealed = sealOf().seal(pod, 'id-1');
  const other = sealOf().seal(planned(sandbox({ command: ['evil'] })), 'id-1');
  const changed = { code: Code.FAILED_PRECONDITION, reason: 'ClaimChanged' };
  const unsigned = { code: Code.FAILED_PRECONDITION, reason: 'ClaimNotSigned' };

  test('is found again whole', () => {
    assert.deepEqual(sealOf().open(claimWith(sealed), 'id-1'), JSON.parse(JSON.stringify(pod)));
  });

  test('is refused when anything about it was changed', () => {
    const open = (claim: Owner, id = 'id-1', seal = sealOf()) => seal.open(claim, id);
    assert.throws(() => open(claimWith({ ...sealed, [POD]: other[POD] ?? '' })), changed);
    assert.throws(() => open(claimWith({ [SIGNATURE]: sealed[SIGNATURE] ?? '' })), changed);
    assert.throws(() => open(claimWith({ ...sealed, [SIGNATURE]: 'AAAA' })), changed);
    assert.throws(() => open(claimWith({ ...sealed, [SIGNATURE]: '' })), changed);
    assert.throws(() => open(claimWith(sealed, { name: 'team--other' })), changed);
    assert.throws(() => open(claimWith(sealed, { namespace: 'kube-system' })), changed);
    assert.throws(() => open(claimWith(sealed), 'id-2'), changed);
    assert.throws(() => open(claimWith(sealed), 'id-1', sealOf({ secret: 'cd'.repeat(32) })), changed);
    assert.throws(() => open(claimWith(sealed), 'id-1', sealOf({ gatewayId: 'another' })), changed);
    assert.throws(() => open(claimWith({ [POD]: other[POD] ?? '' })), unsigned);
    assert.throws(() => open(claimWith({})), unsigned);
  });

  test('may lack its signature for the time of an upgrade, and not have a wrong one', () => {
    const seal = sealOf({ trustUnsigned: true });
    assert.deepEqual(seal.open(claimWith({ [POD]: sealed[POD] ?? '' }), 'id-1').metadata, pod.metadata);
    assert.throws(() => seal.open(claimWith({ ...sealed, [POD]: other[POD] ?? '' }), 'id-1'), changed);
  });

  test('is refused before anything is made when it is too big', () => {
    const noise = Array.from({ length: 400_000 }, () => String.fromCharCode(33 + Math.random() * 90));
    const big = planned(sandbox({ environment: { A: noise.join('') } }));
    assert.throws(() => sealOf().seal(big, 'id-1'), { code: Code.INVALID_ARGUMENT });
  });
});
