import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { ServiceStatus } from '../../dist/wire/v00/index.js';
import { Refusal } from './support/fake-gateway.js';
import { gatewayForTest } from './support/gateway-for-test.js';
import { runCli } from './support/run.js';
import { failedSandbox, provisioning, ready, SandboxPhase, sandboxIn } from './support/sandboxes.js';

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const UNAUTHENTICATED = 16;

test('--version is the version of the package, and a command loads only what it needs', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { stdout } = await runCli(['--version'], { env: { NODE_DEBUG: 'esm' } });
  assert.equal(stdout, `openshell ${version}\n`);
  const { stderr } = await runCli(['--version'], { env: { NODE_DEBUG: 'module,esm' } });
  assert.doesNotMatch(stderr, /grpc-js|bufbuild/);
  const gateway = await gatewayForTest(t, {
    health: () => ({}),
    getGatewayInfo: () => ({}),
    listSandboxes: () => ({}),
  });
  const loadedBy = async (...args: string[]) =>
    (await gateway.run(args, { env: { NODE_DEBUG: 'module,esm' } })).stderr;
  assert.doesNotMatch(await loadedBy('status'), /grpc-js|bufbuild/);
  const list = await loadedBy('sandbox', 'list');
  assert.doesNotMatch(list, /grpc-js/);
  assert.match(list, /bufbuild/);
  gateway.behaviour.getSandbox = () => ({ sandbox: ready });
  assert.match(await loadedBy('sandbox', 'exec', '-n', 'box', '--', 'true'), /grpc-js/);
});

test('status says that the gateway answers, and tells from GetGatewayInfo whether it knows us', async (t) => {
  const gateway = await gatewayForTest(t, {
    health: () => ({ status: ServiceStatus.HEALTHY, version: '1.2.3' }),
  });
  const unverified = await gateway.run(['status']);
  assert.match(
    unverified.stdout,
    /Status: +Connected \(healthy\)\nVersion: +1\.2\.3\nAuthentication: +Unverified/,
  );
  assert.equal(unverified.code, 0);

  const drivers = [{ name: 'docker', capabilities: { driverName: 'docker', driverVersion: '29.1' } }];
  gateway.behaviour.getGatewayInfo = () => ({ computeDrivers: drivers });
  assert.match((await gateway.run(['status'])).stdout, /Verified\nDrivers: +docker \(29\.1\)\n$/);
  const json = JSON.parse((await gateway.run(['status', '-o', 'json'])).stdout);
  assert.equal(json.authentication, 'verified');
  assert.equal(json.compute_drivers[0].name, 'docker');

  gateway.behaviour.getGatewayInfo = () => {
    throw new Refusal(UNAUTHENTICATED, 'missing client certificate');
  };
  assert.match((await gateway.run(['status'])).stdout, /Authentication: +Missing/);
});

test('whoami understands a gateway that does not know the question', async (t) => {
  const gateway = await gatewayForTest(t, {});
  const unknown = await gateway.run(['whoami']);
  assert.deepEqual([unknown.code, unknown.stderr], [0, '']);
  assert.match(unknown.stdout, /does not support/);
  gateway.behaviour.getCurrentUser = () => ({ subject: 'ada', roles: ['admin'], identityProvider: 'mtls' });
  assert.equal((await gateway.run(['whoami'])).stdout, 'Subject:   ada\nRoles:     admin\nKnown by:  mtls\n');
});

test('list shows a table, names, ids, JSON and YAML', async (t) => {
  const requests: unknown[] = [];
  const gateway = await gatewayForTest(t, {
    listSandboxes: (request) => {
      requests.push([
        request.limit,
        request.offset,
        request.labelSelector,
        request.workspace,
        request.allWorkspaces,
      ]);
      return { sandboxes: [ready, failedSandbox('MainProcessExited', 'ended', 3)] };
    },
  });
  const { stdout } = await gateway.run(['sb', 'list', '--limit', '5', '--offset', '1', '--selector', 'a=b']);
  assert.match(stdout, /^NAME +PHASE +IMAGE +AGE\nbox +ready +debian:13 +\d+d\nbox +exited \(3\) +debian:13/);
  assert.equal((await gateway.run(['sandbox', 'list', '--names'])).stdout, 'box\nbox\n');
  assert.equal((await gateway.run(['sandbox', 'list', '--ids'])).stdout, 'id-of-box\nid-of-box\n');
  const json = JSON.parse((await gateway.run(['sandbox', 'list', '-o', 'json'])).stdout);
  assert.equal(json[0].status.phase, 'ready');
  assert.equal(json[1].status.exit_code, 3);
  const all = await gateway.run(['sandbox', 'list', '-o', 'yaml', '--all-workspaces'], {
    env: { OPENSHELL_WORKSPACE: 'team' },
  });
  assert.deepEqual(load(all.stdout), json);
  assert.deepEqual(requests[0], [5, 1, 'a=b', 'default', false]);
  assert.deepEqual(requests[4], [0, 0, '', '', true]);
  const both = await gateway.run(['sandbox', 'list', '--all-workspaces', '--workspace', 'team']);
  assert.equal(both.code, 2);
});

test('get shows a sandbox without the values of its environment', async (t) => {
  const gateway = await gatewayForTest(t, {
    getSandbox: ({ name, workspace }) => {
      assert.deepEqual([name, workspace], ['box', 'team']);
      return { sandbox: ready };
    },
  });
  const { stdout } = await gateway.run(['sandbox', 'get', 'box', '--workspace', 'team']);
  assert.match(stdout, /Environment: +TOKEN\n/);
  assert.doesNotMatch(stdout, /secret/);
  assert.match(stdout, /Labels: +team=a\n/);
  assert.match(stdout, /Created: +2023-11-14T22:13:20\.000Z \(\d+d ago\)\n/);
});

test('a failed call is one line on stderr, exit code 1', async (t) => {
  const gateway = await gatewayForTest(t, {
    getSandbox: () => {
      throw new Refusal(NOT_FOUND, 'sandbox not found');
    },
    listSandboxes: () => {
      throw new Refusal(3, 'label_selector is\nno \x1b[31mselector');
    },
  });
  const missing = await gateway.run(['sandbox', 'get', 'nobody']);
  assert.deepEqual(missing, {
    code: 1,
    stdout: '',
    stderr: "error: there is no sandbox 'nobody' in workspace 'default' (see openshell sandbox list)\n",
  });
  const invalid = await gateway.run(['sandbox', 'list', '--selector', '?']);
  assert.equal(invalid.stderr, 'error: label_selector is; no \\x1b[31mselector\n');
  const unknown = await gateway.run(['workspace', 'list']);
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'error: ListWorkspaces is not implemented\n']);
});

test('the reason, the field and the hint of a failed call come from its details', async (t) => {
  const rich = { reason: 'InvalidArgument', field: 'labels.app', hint: 'at most 63 letters' };
  const gateway = await gatewayForTest(t, {
    createWorkspace: () => {
      throw new Refusal(3, 'the value is too long', rich);
    },
    listWorkspaces: () => {
      throw new Refusal(3, 'label_selector is no selector', { ...rich, field: 'label_selector' });
    },
  });
  const created = await gateway.run(['workspace', 'create', 'team']);
  assert.equal(created.stderr, 'error: labels.app: the value is too long (at most 63 letters)\n');
  const listed = await gateway.run(['workspace', 'list']);
  assert.equal(listed.stderr, 'error: label_selector is no selector (at most 63 letters)\n');
});

test('a usage error is exit code 2 and asks no gateway', async () => {
  const { code, stdout, stderr } = await runCli(['sandbox', 'list', '--limit', 'many']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.equal(stderr, "error: --limit is 'many' (a whole number from 1 to 1000)\n");
});

test('nobody at the endpoint: the error names it and says how to start a gateway', async (t) => {
  const gateway = await gatewayForTest(t, {});
  await gateway.close();
  const { code, stderr } = await gateway.run(['sandbox', 'list']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(`^error: no gateway is listening at http://${gateway.address} \\(start one`),
  );
});

test('delete waits until the sandbox is gone', async (t) => {
  const deleting = sandboxIn(SandboxPhase.DELETING);
  let asked = 0;
  const gateway = await gatewayForTest(t, {
    deleteSandbox: () => ({ deleted: true }),
    getSandbox: () => {
      asked++;
      if (asked < 3) {
        return { sandbox: deleting };
      }
      throw new Refusal(NOT_FOUND, 'sandbox not found');
    },
  });
  const { code, stdout } = await gateway.run(['sandbox', 'delete', 'box']);
  assert.deepEqual([code, stdout, asked], [0, "sandbox 'box' deleted\n", 3]);
});

test('delete --all removes every page, and one that fails does not keep the others', async (t) => {
  const names = Array.from({ length: 1001 }, (_, at) => `box-${at}`);
  const deleted = new Set<string>();
  const gateway = await gatewayForTest(t, {
    listSandboxes: ({ limit, offset }) => ({
      sandboxes: names.slice(offset, offset + limit).map((name) => ({ metadata: { id: name, name } })),
    }),
    deleteSandbox: ({ name }) => {
      if (name === 'box-7') {
        throw new Refusal(FAILED_PRECONDITION, 'box-7 is held');
      }
      deleted.add(name);
      return { deleted: true };
    },
    getSandbox: () => {
      throw new Refusal(NOT_FOUND, 'sandbox not found');
    },
  });
  const { code, stderr } = await gateway.run(['sandbox', 'delete', '--all']);
  assert.deepEqual([code, stderr, deleted.size], [1, 'error: box-7 is held\n', 1000]);
  assert.equal((await gateway.run(['sandbox', 'delete'])).code, 2);
  assert.equal((await gateway.run(['sandbox', 'delete', 'a', '--all'])).code, 2);
});

test('delete gives up after its time with exit code 124', async (t) => {
  const gateway = await gatewayForTest(t, {
    deleteSandbox: () => ({ deleted: true }),
    getSandbox: () => ({ sandbox: provisioning }),
  });
  const env = { OPENSHELL_LIFECYCLE_TIMEOUT: '1' };
  const { code, stderr } = await gateway.run(['sandbox', 'delete', 'box'], { env });
  assert.equal(code, 124);
  assert.match(stderr, /sandbox 'box' was not deleted after 1 s/);
});

test('workspaces are made, listed, shown and removed', async (t) => {
  const workspace = { metadata: { name: 'team', id: 'w', labels: { a: 'b' } }, status: { phase: 1 } };
  const gateway = await gatewayForTest(t, {
    createWorkspace: ({ name, labels }) => {
      assert.deepEqual([name, labels], ['team', { a: 'b' }]);
      return { workspace };
    },
    listWorkspaces: () => ({ workspaces: [workspace] }),
    getWorkspace: () => ({ workspace }),
    deleteWorkspace: ({ name }) => {
      if (name === 'full') {
        throw new Refusal(FAILED_PRECONDITION, 'workspace full has sandboxes: box');
      }
      return { deleted: true };
    },
  });
  const made = await gateway.run(['workspace', 'create', 'team', '--label', 'a=b']);
  assert.equal(made.stdout, "workspace 'team' created\n");
  assert.equal((await gateway.run(['workspace', 'list', '--names'])).stdout, 'team\n');
  assert.match((await gateway.run(['workspace', 'list'])).stdout, /^NAME +PHASE +AGE\nteam +active\n$/);
  const shown = load((await gateway.run(['workspace', 'get', 'team', '-o', 'yaml'])).stdout);
  assert.equal((shown as { status: { phase: string } }).status.phase, 'active');
  let looks = 0;
  gateway.behaviour.getWorkspace = () => {
    if (++looks > 2) {
      throw new Refusal(NOT_FOUND, 'workspace not found');
    }
    return { workspace: { ...workspace, status: { phase: 2 } } };
  };
  assert.equal((await gateway.run(['workspace', 'delete', 'team'])).stdout, "workspace 'team' deleted\n");
  assert.equal(looks, 3);
  const full = await gateway.run(['workspace', 'delete', 'full']);
  assert.deepEqual([full.code, full.stderr], [1, 'error: workspace full has sandboxes: box\n']);
});

test('stop, start and delete of a sandbox that is not there say so as get does', async (t) => {
  const missing = () => {
    throw new Refusal(NOT_FOUND, 'sandbox not found');
  };
  const behaviour = {
    getSandbox: missing,
    stopSandbox: missing,
    startSandbox: missing,
    deleteSandbox: missing,
  };
  const gateway = await gatewayForTest(t, behaviour);
  for (const command of ['get', 'stop', 'start', 'delete']) {
    const { code, stderr } = await gateway.run(['sandbox', command, 'gone']);
    assert.equal(
      stderr,
      "error: there is no sandbox 'gone' in workspace 'default' (see openshell sandbox list)\n",
    );
    assert.equal(code, 1);
  }
});
