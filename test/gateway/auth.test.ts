import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { authenticators, createAuthenticate } from '../../dist/gateway/auth/authenticate.js';
import { createAuthorizer, type Target } from '../../dist/gateway/auth/authorizer.js';
import { checkKind, methodAccess } from '../../dist/gateway/auth/methods.js';
import {
  ANONYMOUS,
  type Authenticator,
  type Caller,
  type Principal,
  type SandboxPrincipal,
} from '../../dist/gateway/auth/principal.js';
import type { Peer } from '../../dist/rpc/server/contract.js';
import { rpcs } from '../../dist/wire/v01/rpcs.js';
import { caller } from '../support/caller.js';

const { signal } = new AbortController();
function evidence(peer: Partial<Peer> = {}) {
  return {
    peer: { address: 'unknown', certificateCommonNames: [], ...peer },
    method: '/openshell.v1.OpenShell/GetSandbox',
    header: () => undefined,
  };
}

const sandboxPrincipal: SandboxPrincipal = {
  kind: 'sandbox',
  subject: 'sandbox-1',
  sandboxId: '1',
  provider: 'test',
};

describe('without certificates', () => {
  const closed = createAuthenticate(authenticators({ mutualTls: false, allowUnauthenticated: false }));
  for (const address of ['127.0.0.1:5000', '127.9.9.9:1', '[::1]:5000', '::1', '[::ffff:127.0.0.1]:80']) {
    test(`${address} is the local administrator`, async () => {
      const found = await closed(evidence({ address }), signal);
      assert.ok(found.kind === 'user');
      assert.deepEqual([found.subject, found.roles], ['unauthenticated-local-dev', ['platform_admin']]);
    });
  }
  for (const address of [
    ...['10.0.0.1:5000', '[2001:db8::1]:5000', 'unknown', '', '127.0.0.1.example:80', '[::ffff:10.0.0.1]:80'],
  ]) {
    test(`'${address}' is refused`, async () => {
      await assert.rejects(closed(evidence({ address }), signal), {
        code: Code.UNAUTHENTICATED,
        message: 'missing authorization header',
      });
    });
  }
  test('the operator may let everyone in', async () => {
    const open = createAuthenticate(authenticators({ mutualTls: false, allowUnauthenticated: true }));
    assert.equal(
      (await open(evidence({ address: '10.0.0.1:1' }), signal)).subject,
      'unauthenticated-local-dev',
    );
  });
});

describe('with certificates', () => {
  const mutual = createAuthenticate(authenticators({ mutualTls: true, allowUnauthenticated: true }));
  const known = (peer: Partial<Peer>) => mutual(evidence({ address: '127.0.0.1:1', ...peer }), signal);

  test('the common name is the user, until the certificate expires', async () => {
    const certificateExpiresMs = Date.now() + 60_000;
    const found = await known({ certificateCommonNames: ['alice'], certificateExpiresMs });
    assert.ok(found.kind === 'user');
    assert.deepEqual(
      [found.subject, found.provider, found.validUntilMs],
      ['alice', 'mtls', certificateExpiresMs],
    );
  });
  for (const [what, peer, reason] of [
    ['none', {}, 'ClientCertificateMissing'],
    ['one with an empty name', { certificateCommonNames: [''] }, 'ClientCertificateMissing'],
    ['one with two names', { certificateCommonNames: ['a', 'b'] }, 'ClientCertificateAmbiguous'],
    [
      'one that has expired',
      { certificateCommonNames: ['a'], certificateExpiresMs: 1 },
      'ClientCertificateExpired',
    ],
    [
      'one whose end is no time',
      { certificateCommonNames: ['a'], certificateExpiresMs: NaN },
      'ClientCertificateExpired',
    ],
  ] as const) {
    test(`${what} is refused, also from loopback`, async () => {
      await assert.rejects(known(peer), { code: Code.UNAUTHENTICATED, reason });
    });
  }
});

describe('a chain of authenticators', () => {
  const link = (name: string, answer: 'mine' | 'not mine' | 'wrong', asked: string[]): Authenticator => ({
    async authenticate() {
      asked.push(name);
      if (answer === 'wrong') {
        throw new OpenShellError(Code.UNAUTHENTICATED, `${name} is wrong`);
      }
      return answer === 'mine' ? { ...sandboxPrincipal, subject: name } : undefined;
    },
    missing: () => new OpenShellError(Code.UNAUTHENTICATED, `${name} is missing`),
  });
  const outcome = async (...answers: ('mine' | 'not mine' | 'wrong')[]) => {
    const asked: string[] = [];
    const chain = createAuthenticate(answers.map((answer, i) => link(`${i}`, answer, asked)));
    const result = await chain(evidence(), signal).then(
      ({ subject }) => subject,
      (error: OpenShellError) => error.message,
    );
    return [asked.join(''), result];
  };
  test('goes on where the evidence is of another kind, and ends where it is wrong', async () => {
    assert.deepEqual(await outcome('mine', 'mine'), ['0', '0']);
    assert.deepEqual(await outcome('not mine', 'mine', 'wrong'), ['01', '1']);
    assert.deepEqual(await outcome('not mine', 'wrong', 'mine'), ['01', '1 is wrong']);
    assert.deepEqual(await outcome('not mine', 'not mine'), ['01', '0 is missing']);
  });
});

describe('the table of methods', () => {
  test('has a line for each method, and no other', () => {
    for (const { name } of rpcs) {
      assert.ok(methodAccess(name), name);
    }
    assert.deepEqual(
      rpcs.filter(({ name }) => methodAccess(name).who === 'anyone').map(({ name }) => name),
      ['Health'],
    );
  });
  test('what a sandbox calls is refused to users, and what users call to sandboxes, in upstream’s words', () => {
    for (const { name } of rpcs) {
      const access = methodAccess(name);
      const refusal = (principal: Principal) => {
        try {
          checkKind(principal, access);
          return '';
        } catch (error) {
          assert.equal((error as OpenShellError).code, Code.PERMISSION_DENIED);
          return (error as OpenShellError).message;
        }
      };
      assert.equal(
        refusal(caller().principal),
        access.who === 'sandbox' ? 'this method requires a sandbox principal' : '',
      );
      assert.equal(
        refusal(sandboxPrincipal),
        access.who === 'user' ? 'sandbox principals may not call this method' : '',
      );
    }
  });
  test('what writes in its name is recorded', () => {
    const writing =
      /^(Create|Delete|Stop|Start|Exec|Attach|Detach|Update|Add|Remove|Import|Revoke|Expose|Forward)/;
    for (const { name } of rpcs) {
      const { who, changes } = methodAccess(name);
      if (who !== 'sandbox' && writing.test(name)) {
        assert.ok(changes, name);
      }
      if (/^(Get|List|Watch|Lint)/.test(name)) {
        assert.ok(!changes, name);
      }
    }
  });
});

describe('the authorizer', () => {
  const sandboxCaller: Caller = { ...caller(), principal: sandboxPrincipal };

  test('a user may everything, a sandbox only what is about itself', async () => {
    const { require } = createAuthorizer();
    for (const target of [{ workspace: undefined }, { workspace: 'w' }, { workspace: 'w', sandboxId: '2' }]) {
      await require(caller(), target);
      await assert.rejects(require(sandboxCaller, target), { code: Code.PERMISSION_DENIED });
      await assert.rejects(require({ ...caller(), principal: ANONYMOUS }, target), {
        code: Code.PERMISSION_DENIED,
      });
    }
    await require(sandboxCaller, { workspace: 'w', sandboxId: '1' });
  });

  test('a call that lasts ends when what was granted to it is granted no more', async () => {
    const closed = new Set<string | undefined>();
    const authorizer = createAuthorizer((_, { workspace }) => {
      if (closed.has(workspace)) {
        throw new OpenShellError(Code.PERMISSION_DENIED, `${workspace} is closed`);
      }
    });
    const ended: string[] = [];
    const follow = async (name: string, ...targets: Target[]) => {
      const each = caller({ subject: name });
      const release = authorizer.watch(each, ({ message }) => ended.push(`${name}: ${message}`));
      for (const target of targets) {
        await authorizer.require(each, target);
      }
      return { each, release };
    };
    await follow('a', { workspace: 'one' });
    await follow('b', { workspace: 'two' });
    const { release } = await follow('c', { workspace: 'one' });
    const { each } = await follow('d', { workspace: 'two' }, { workspace: 'three', sandboxId: 's' });
    assert.deepEqual(authorizer.granted(each), [
      { workspace: 'two' },
      { workspace: 'three', sandboxId: 's' },
    ]);
    release();
    await authorizer.recheck();
    assert.deepEqual(ended, []);
    closed.add('one').add('three');
    await authorizer.recheck();
    assert.deepEqual(ended, ['a: one is closed', 'd: three is closed']);
    await authorizer.recheck();
    assert.equal(ended.length, 2, 'each is told once');
    assert.deepEqual(authorizer.granted(each), []);
  });

  test('and when its sign-in expires, however far away that is', () => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 });
    try {
      const { watch } = createAuthorizer();
      const ended: (string | undefined)[] = [];
      const until = (validUntilMs: number) =>
        watch(caller({ validUntilMs }), ({ reason }) => ended.push(reason));
      until(1_000);
      until(2 ** 31 + 5_000);
      until(2_000)();
      until(-1);
      watch(caller(), () => ended.push('one without an end'));
      assert.deepEqual(ended, ['SignInExpired']);
      mock.timers.tick(999);
      assert.equal(ended.length, 1);
      mock.timers.tick(1_001);
      assert.deepEqual(ended, ['SignInExpired', 'SignInExpired']);
      mock.timers.tick(2 ** 31 - 1);
      mock.timers.tick(10_000);
      assert.equal(ended.length, 3);
    } finally {
      mock.timers.reset();
    }
  });
});
