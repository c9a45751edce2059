import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readFlavor, specOf } from '../../dist-tools/flavor/choose/flavor-files.js';
import { sha256 } from '../../dist-tools/flavor/package/files.js';
import { packageFlavor } from '../../dist-tools/flavor/package/package-flavor.js';
import { agentIn, openArtifact } from '../../dist-tools/flavor/prove/artifact.js';
import { type Checkout, execute } from '../flavor/checkout.js';
import { type Made, make, openYard, withAgent } from './made.js';

const options = { skip: withAgent ? false : 'musl-gcc is not here' };
const prepares = {
  skip: withAgent && existsSync('/usr/bin/apt-get') ? false : 'musl-gcc or apt-get is not here',
};

const yard = openYard();
let checkout: Checkout;
let vm: Made;
before(async () => {
  checkout = yard.checkout();
  if (withAgent) {
    const kinds = ['folder', 'bundle', 'executable'] as const;
    vm = await make({ flavor: 'vm', checkout, out: yard.folder(), kinds });
  }
});
after(() => yard.close());

test(
  'the guest agent is in every artifact, with the digest of the manifest and the SBOM',
  options,
  async () => {
    for (const kind of ['folder', 'bundle', 'executable'] as const) {
      const bytes = agentIn(openArtifact(vm.path(kind)));
      assert.ok(bytes !== undefined, kind);
      assert.deepEqual({ size: bytes.length, sha256: sha256(bytes) }, vm.manifest.agent, kind);
      const { components } = JSON.parse(readFileSync(`${vm.path(kind)}.cdx.json`, 'utf8')) as {
        components: { 'bom-ref': string; hashes?: { content: string }[] }[];
      };
      const listed = components.filter((component) => component['bom-ref'].startsWith('openshell-agent'));
      assert.equal(listed[0]?.hashes?.[0]?.content, vm.manifest.agent?.sha256, kind);
      assert.ok(listed.length > 1, 'what was linked into it is listed too');
      const { status, stdout } = await checkout.flavor('verify', vm.path(kind), '--present', 'vm');
      assert.equal(status, 0, stdout);
    }
  },
);

test('a second packaging with the agent gives the same bytes', options, async () => {
  const kinds = ['folder', 'bundle'] as const;
  const again = await make({ flavor: 'vm', checkout: yard.checkout(), out: yard.folder(), kinds });
  assert.deepEqual(again.manifest.agent, vm.manifest.agent);
  for (const kind of kinds) {
    const digest = (made: Made) => made.manifest.artifacts.find((each) => each.kind === kind)?.files;
    assert.deepEqual(digest(again), digest(vm), kind);
  }
});

test('prepare of a packaged build needs no compiler', prepares, async () => {
  const home = yard.folder();
  const tools = join(home, 'bin');
  mkdirSync(tools);
  for (const tool of ['apt-cache', 'apt-get', 'dpkg', 'dpkg-deb', 'lz4', 'tar', 'xz', 'rm']) {
    const folder = ['/usr/bin', '/bin'].find((each) => existsSync(join(each, tool)));
    symlinkSync(join(folder ?? '/usr/bin', tool), join(tools, tool));
  }
  const env = { PATH: tools, HOME: home };
  const guest = join(home, 'guest');
  const made = await execute(
    vm.path('executable'),
    ['driver-vm', 'prepare', '--directory', guest],
    home,
    env,
  );
  assert.equal(made.status, 0, made.stderr);
  assert.doesNotMatch(made.stderr, /compiling/);
  const agent = agentIn(openArtifact(vm.path('folder'))) ?? Buffer.alloc(1);
  assert.ok(readFileSync(join(guest, 'initramfs')).includes(agent));
  // A folder finds it as a file.
  const build = pathToFileURL(join(vm.path('folder'), 'dist/agent/build.js')).href;
  const code = `const { shippedAgent } = await import('${build}'); console.log((await shippedAgent()).length)`;
  const { stdout, stderr } = await execute(process.execPath, ['--input-type=module', '-e', code], home, env);
  assert.equal(stdout.trim(), String(agent.length), stderr);
});

test('without a compiler packaging says what to install', async () => {
  const path = process.env.PATH;
  const spec = specOf(readFlavor(checkout.root, 'vm'));
  const asked = { node: 22, kinds: ['folder'], agent: true, env: process.env, progress: () => {} } as const;
  const tools = yard.folder();
  const git = path?.split(':').find((folder) => existsSync(join(folder, 'git')));
  if (git !== undefined) {
    symlinkSync(join(git, 'git'), join(tools, 'git'));
  }
  process.env.PATH = tools;
  try {
    await assert.rejects(packageFlavor({ root: checkout.root, spec, out: yard.folder(), ...asked }), {
      message: /the C compiler 'musl-gcc' was not found/,
      hint: /musl-tools.*--without-agent/,
    });
  } finally {
    process.env.PATH = path;
  }
});
