import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthenticator } from '../../dist/gateway/auth.js';

const authenticate = createAuthenticator({ mutualTls: false, allowUnauthenticated: false });
const from = (address: string) => authenticate({ address, certificateCommonNames: [] });

for (const address of [
  '127.0.0.1:5000',
  '127.9.9.9:1',
  '[::1]:5000',
  '::1',
  '[::ffff:127.0.0.1]:80',
  '[::ffff:7f00:1]:80',
]) {
  test(`${address} is the local administrator`, () => {
    assert.deepEqual(from(address).roles, ['platform_admin']);
  });
}

for (const address of [
  '10.0.0.1:5000',
  '[2001:db8::1]:5000',
  'unknown',
  '',
  '127.0.0.1.example:80',
  'localhost:80',
  '[::ffff:10.0.0.1]:80',
]) {
  test(`'${address}' is refused`, () => {
    assert.throws(() => from(address), { code: 16, message: 'missing authorization header' });
  });
}

test('without loopback the operator may let everyone in', () => {
  const open = createAuthenticator({ mutualTls: false, allowUnauthenticated: true });
  assert.equal(
    open({ address: '10.0.0.1:1', certificateCommonNames: [] }).subject,
    'unauthenticated-local-dev',
  );
});

test('with mutual TLS a certificate without a common name is refused, also from loopback', () => {
  const mutual = createAuthenticator({ mutualTls: true, allowUnauthenticated: true });
  assert.throws(() => mutual({ address: '127.0.0.1:1', certificateCommonNames: [] }), { code: 16 });
});
