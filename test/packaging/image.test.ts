import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { openArtifact } from '../../dist-tools/flavor/prove/artifact.js';
import { execute } from '../flavor/checkout.js';
import { isRequired } from '../support/engines.js';
import { type Made, make, openYard } from './made.js';

/** What a machine without systemd and without CAP_SYS_RESOURCE needs. */
const PODMAN_CONF = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`;
const NO_ENGINE = 'no engine answers';

const yard = openYard();
let made: Made;
before(async () => {
  made = await make({ flavor: 'docker', checkout: yard.checkout(), out: yard.folder(), kinds: ['image'] });
});
after(() => yard.close());

function tag(): string {
  return `openshell-gateway:docker-${made.manifest.version}`;
}

/** Whether the engine is there; skips, or fails when it has to be there. */
async function engine(t: TestContext, name: string, probe: readonly string[]): Promise<boolean> {
  const there = await execute(name, probe, yard.folder()).then(
    ({ status }) => status === 0,
    () => false,
  );
  if (there) {
    return true;
  }
  assert.ok(!isRequired(name), `${name} is required, and ${NO_ENGINE}`);
  t.skip(`${name}: ${NO_ENGINE}`);
  return false;
}

test('the image holds the executable, its libraries, certificates and a user, and nothing else', () => {
  const paths = openArtifact(made.path('image')).files.map(({ path }) => path);
  const expected =
    /^(usr\/bin\/openshell-gateway|lib(64)?\/.*\.so(\.\d+)*|usr\/lib\/.*\.so(\.\d+)*|etc\/ssl\/certs\/ca-certificates\.crt|etc\/(passwd|group))$/;
  assert.deepEqual(
    paths.filter((path) => !expected.test(path)),
    [],
  );
});

/** Loads and runs the image by an engine that has docker's command line. */
async function runs(
  command: string,
  options: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const folder = yard.folder();
  const call = (...args: string[]) =>
    execute(command, [...options, ...args], folder, { ...process.env, ...env });
  const loaded = await call('load', '--input', made.path('image'));
  assert.equal(loaded.status, 0, loaded.stderr);
  assert.ok(loaded.stdout.includes(tag()), loaded.stdout);
  const isolated = ['run', '--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL'];
  const image = /(\S*openshell-gateway:\S+)/.exec(loaded.stdout)?.[1] as string;
  const version = await call(...isolated, image, '--version', '--json');
  assert.deepEqual(JSON.parse(version.stdout || version.stderr).drivers, ['docker']);
  const cli = await call(...isolated, '--entrypoint', '/usr/bin/openshell', image, '--version');
  assert.match(cli.stdout, /^openshell \d/, cli.stderr);
  const shell = await call(...isolated, '--entrypoint', '/bin/sh', image, '-c', 'true');
  assert.notEqual(shell.status, 0);
  const user = await call('image', 'inspect', '--format', '{{.Config.User}}', image);
  assert.equal(user.stdout.trim(), '65532:65532');
}

test('docker loads it and runs it, without a shell or root', async (t) => {
  if (await engine(t, 'docker', ['info'])) {
    await runs('docker', []);
  }
});

test('podman loads it and runs it, without a shell or root', async (t) => {
  if (!(await engine(t, 'podman', ['--version']))) {
    return;
  }
  const folder = yard.folder();
  const store = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  const conf = join(folder, 'containers.conf');
  writeFileSync(conf, PODMAN_CONF);
  await runs('podman', store, { CONTAINERS_CONF: conf });
});
