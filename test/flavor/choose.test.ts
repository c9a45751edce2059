import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { flavorNames } from '../../dist-tools/flavor/choose/flavor-files.js';
import { flavorSource } from '../../dist-tools/flavor/choose/flavor-source.js';
import { flavorSpec } from '../../dist-tools/flavor/choose/flavor-spec.js';
import { partProjects } from '../../dist-tools/flavor/choose/projects.js';
import { type Checkout, openCheckout, ROOT } from './checkout.js';

let checkout: Checkout;
before(() => {
  checkout = openCheckout();
});
after(() => checkout.remove());

const available = partProjects(ROOT);
const names = available.filter(({ kind }) => kind === 'driver').map(({ word }) => word);

test('every committed flavor is what the tool writes, and lint has nothing to say', async () => {
  const { status, stdout } = await checkout.flavor('lint');
  assert.equal(status, 0, stdout);
});

test('the same choice gives the same bytes, in whatever order it is made', () => {
  const choice = fc.tuple(fc.shuffledSubarray(names, { minLength: 1 }), fc.boolean());
  fc.assert(
    fc.property(
      choice,
      fc.array(fc.nat(100), { minLength: 8, maxLength: 8 }),
      ([drivers, telemetry], keys) => {
        const order = (driver: string) => keys[names.indexOf(driver)] ?? 0;
        const shuffled = [...drivers].sort((a, b) => order(a) - order(b));
        const more = telemetry ? ['telemetry'] : [];
        const source = (list: string[]) =>
          flavorSource(flavorSpec({ drivers: list, with: more }, available), available);
        assert.deepEqual(source(shuffled), source(drivers));
      },
    ),
  );
});

test('generate writes two files that build, and add and remove lead back to them', async () => {
  const first = names[0] as string;
  const second = names[1] as string;
  const written = await checkout.flavor(first, '--name', 'edge');
  assert.equal(written.status, 0, written.stderr);
  assert.match(
    written.stdout,
    /wrote tsconfig\.edge\.json\nwrote src\/flavors\/edge\/drivers\.ts\nbuild it with: npm run build -- edge/,
  );
  const files = ['tsconfig.edge.json', 'src/flavors/edge/drivers.ts'] as const;
  const original = files.map((path) => checkout.read(path));
  assert.equal((await checkout.flavor('add', 'edge', second, 'telemetry')).status, 0);
  assert.match(checkout.read(files[1]), /#parts\/telemetry/);
  assert.equal((await checkout.flavor('remove', 'edge', second, 'telemetry')).status, 0);
  assert.deepEqual(
    files.map((path) => checkout.read(path)),
    original,
  );
  assert.match((await checkout.flavor(first, '--name', 'edge')).stdout, /already exists/);
});

test('a flavor has the usual parts, more with --with, fewer with --without, and a name that says so', async () => {
  const written = async (...argv: string[]) => {
    const { status, stdout, stderr } = await checkout.flavor('docker', ...argv, '--dry-run');
    assert.equal(status, 0, stderr);
    const [, name] = /^--- tsconfig\.(.*)\.json$/m.exec(stdout) ?? [];
    return [name, /stores: .*|$/.exec(stdout)?.[0], /^ {2}telemetry,$/m.test(stdout)];
  };
  assert.deepEqual(await written(), ['docker', 'stores: [storeSqlite],', false]);
  const telemetry = ['docker-telemetry', 'stores: [storeSqlite],', true];
  assert.deepEqual(await written('--with', 'telemetry'), telemetry);
  assert.deepEqual(await written('--telemetry'), telemetry);
  assert.deepEqual(await written('--without', 'telemetry'), await written());
});

test('--dry-run prints and writes nothing', async () => {
  const before = flavorNames(checkout.root);
  const { stdout } = await checkout.flavor(names[0] as string, '--name', 'nothing', '--dry-run');
  assert.match(stdout, /^--- tsconfig\.nothing\.json\n\{/);
  assert.match(stdout, /export default flavor\('nothing', \{/);
  assert.deepEqual(flavorNames(checkout.root), before);
});

const refused: readonly [argv: string[], says: RegExp][] = [
  [['generate'], /at least one driver; choose from/],
  [['generate', 'dokcer'], /no driver 'dokcer' in src\/drivers; did you mean 'docker'\?/],
  [['generate', 'k8s'], /did you mean 'kubernetes'\?/],
  [['generate', 'docker', 'docker'], /'docker' is given twice/],
  [['docker', '--name', 'base'], /'base' cannot name a flavor/],
  [['docker', '--name', '../x'], /cannot name a flavor/],
  [['docker', '--nmae', 'x'], /--nmae/],
  [['lsit'], /no command 'lsit'; did you mean 'list'\?/],
  [['add', 'dokcer', 'docker'], /no flavor 'dokcer' \(tsconfig\.dokcer\.json\); did you mean 'docker'\?/],
  [['remove', 'docker', 'docker'], /at least one driver/],
  [['remove', 'docker', 'vm'], /has no part 'vm'; it has docker, store-sqlite/],
  [['remove', 'docker', 'store-sqlite'], /at least one store; choose from store-sqlite/],
  [['docker', '--without', 'store-sqlite'], /at least one store; choose from store-sqlite/],
  [['docker', '--with', 'telemtry'], /no part 'telemtry' in src\/parts; did you mean 'telemetry'\?/],
  [['docker', '--without', 'vm'], /no part 'vm' in src\/parts/],
  [['docker', '--with', 'telemetry', '--without', 'telemetry'], /'telemetry' is both included and left out/],
];
for (const [argv, says] of refused) {
  test(`refuses ${argv.join(' ')}`, async () => {
    const { status, stderr } = await checkout.flavor(...argv);
    assert.equal(status, 2, stderr);
    assert.match(stderr, says);
  });
}

test('list shows what each flavor holds', async () => {
  const { flavors } = JSON.parse((await checkout.flavor('list', '--json')).stdout);
  const docker = flavors.find(({ name }: { name: string }) => name === 'docker');
  assert.deepEqual(docker, {
    name: 'docker',
    drivers: ['docker'],
    parts: ['store-sqlite'],
    tsconfig: 'tsconfig.docker.json',
  });
});

/** Changes a file, reads what lint says, and puts the file back. */
async function lintAfter(path: string, change: (text: string) => string): Promise<string> {
  const text = checkout.read(path);
  checkout.write(path, change(text));
  const { status, stdout } = await checkout.flavor('lint');
  checkout.write(path, text);
  assert.equal(status, 1, stdout);
  return stdout;
}

test('lint finds a flavor whose two files disagree', async () => {
  const withoutReference = await lintAfter('tsconfig.docker.json', (text) =>
    text.replace(/,\s*\{ "path": "src\/drivers\/docker" \}/, ''),
  );
  assert.match(
    withoutReference,
    /tsconfig\.docker\.json: .* imports the driver 'docker'; add \{ "path": "src\/drivers\/docker" \}/,
  );
  const manifest = 'src/flavors/docker/drivers.ts';
  assert.match(
    await lintAfter(manifest, (text) => text.replace('[docker]', '[]')),
    /the driver 'docker' is imported but not passed to flavor/,
  );
  assert.match(
    await lintAfter(manifest, (text) => text.replace("'docker', {", "'other', {")),
    /is named 'other'/,
  );
  assert.match(
    await lintAfter(manifest, (text) => text.replace("from '#drivers/docker'", "from '#drivers/vm'")),
    /references the driver 'docker', which/,
  );
  assert.match(
    await lintAfter('tsconfig.json', (text) => text.replace(/,\s*\{ "path": "src\/parts\/telemetry" \}/, '')),
    /imports the part 'telemetry'; add \{ "path": "src\/parts\/telemetry" \}/,
  );
});

test('lint finds a flavor edited by hand, a # name elsewhere, a registry in the lock, a version that is alone', async () => {
  assert.match(
    await lintAfter('tsconfig.docker.json', (text) => text.replaceAll('  ', '\t')),
    /differs from what the tool writes/,
  );
  assert.match(
    await lintAfter('src/gateway/gateway.ts', (text) => `import '#drivers/docker';\n${text}`),
    /src\/gateway\/gateway\.ts: imports '#drivers\/docker'/,
  );
  assert.match(
    await lintAfter('package-lock.json', (text) =>
      text.replace('"integrity"', '"resolved": "https://registry.invalid/x.tgz", "integrity"'),
    ),
    /contains the URL of a registry/,
  );
  assert.match(
    await lintAfter('package-lock.json', (text) => {
      const lock = JSON.parse(text);
      lock.packages['node_modules/@grpc/grpc-js'].engines.node = '>=99';
      return JSON.stringify(lock);
    }),
    /@grpc\/grpc-js@[\d.]+ needs Node >=99, and we promise 20\.20\.0/,
  );
  assert.match(
    await lintAfter('src/drivers/docker/package.json', (text) =>
      text.replace(/"version": "[^"]*"/, '"version": "9.9.9"'),
    ),
    /version is 9\.9\.9/,
  );
  assert.match(
    await lintAfter('src/drivers/docker/entry.ts', (text) => text.replace(/marker: '/, "marker: '' + '")),
    /entry\.ts: has no line "marker/,
  );
});
