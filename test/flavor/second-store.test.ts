import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { driverProjects } from '../../dist-tools/flavor/choose/projects.js';
import { readLock } from '../../dist-tools/flavor/lock-file.js';
import { evidenceOf } from '../../dist-tools/flavor/prove/markers.js';
import { type Checkout, openCheckout, output, ROOT } from './checkout.js';

const EXIT_USAGE = 2;
const EXIT_NOT_IN_BUILD = 3;
const FLAVOR = 'mem';
const FOLDER = 'src/parts/store-memory';
const STUB = pathToFileURL(join(import.meta.dirname, 'stub-probes.js')).href;

const ENTRY = `import type { StoreEntry } from '../../store/entry.js';

const memory: StoreEntry<'memory'> = {
  kind: 'store',
  name: 'memory',
  schemes: ['memory'],
  marker: 'OPENSHELL_STORE_MARKER:memory',
  settings: {},
  parseUrl: () => ({ url: 'memory:', shown: 'memory:', path: undefined }),
  load: () => import('./index.js'),
};

export default memory;
`;
const INDEX = `import type { StoreModule } from '../../store/entry.js';
import { createMemoryStore } from './memory-store.js';

export const openStore: StoreModule['openStore'] = async () => createMemoryStore();
export const openBriefly = openStore;
export const backup: StoreModule['backup'] = undefined;
`;

/** A store that no table knows, put into the folder of parts as docs/store.md says. */
function addStore(checkout: Checkout): void {
  mkdirSync(join(checkout.root, FOLDER), { recursive: true });
  const write = (name: string, text: string): void => checkout.write(`${FOLDER}/${name}`, text);
  const json = (value: unknown): string => JSON.stringify(value);
  write('package.json', json({ name: '@openshell/store-memory', version: '0.1.0', type: 'module' }));
  write(
    'tsconfig.json',
    checkout.read('src/parts/store-sqlite/tsconfig.json').replaceAll('store-sqlite', 'store-memory'),
  );
  write('entry.ts', ENTRY);
  write('index.ts', INDEX);
  const store = readFileSync(join(ROOT, 'test/store/memory-store.ts'), 'utf8');
  write('memory-store.ts', store.replaceAll("'../../dist/store/", "'../../store/"));
}

/** Flavors that must not compile, each with what the compiler has to say. */
const WRONG: readonly (readonly [name: string, parts: string, says: RegExp])[] = [
  [
    'no-driver',
    '{ drivers: [], stores: [sqlite] }',
    /A build needs at least one compute driver: import one from #drivers\/<name>/,
  ],
  ['no-drivers', '{ stores: [sqlite] }', /A build needs at least one compute driver/],
  [
    'no-store',
    '{ drivers: [docker], stores: [] }',
    /A build needs at least one store: import one from #parts\/store-<name>/,
  ],
  ['no-stores', '{ drivers: [docker], telemetry }', /A build needs at least one store/],
  [
    'twice',
    '{ drivers: [docker, docker], stores: [sqlite] }',
    /The driver 'docker' is listed twice: remove one of the two/,
  ],
  ['stores-twice', '{ drivers: [docker], stores: [sqlite, sqlite] }', /The store 'sqlite' is listed twice/],
  [
    'mistyped',
    '{ drivers: [docker], stores: [sqlite], telemtry: telemetry }',
    /There is no kind of parts 'telemtry'/,
  ],
];

let checkout: Checkout;
before(async () => {
  checkout = openCheckout();
  addStore(checkout);
  const drivers = driverProjects(ROOT).map(({ word }) => word);
  const argv = [
    drivers[0] as string,
    '--with',
    'store-memory',
    '--without',
    'store-sqlite',
    '--name',
    FLAVOR,
  ];
  const written = await checkout.flavor(...argv);
  assert.equal(written.status, 0, written.stderr);
  const lint = await checkout.flavor('lint');
  assert.equal(lint.status, 0, lint.stdout);
  const built = await checkout.compile(`tsconfig.${FLAVOR}.json`);
  assert.equal(built.status, 0, built.stdout);
});
after(() => checkout.remove());

function gateway(...argv: string[]) {
  return checkout.node(['--import', STUB, 'dist/main.js', '--port', '0', ...argv], {
    STUB_BUILD: join(checkout.root, 'dist/drivers.js'),
    STUB_READY: driverProjects(ROOT)[0]?.name ?? '',
  });
}

test('a build with another store has nothing of SQLite, and says what it has', async () => {
  assert.ok(existsSync(join(checkout.root, 'dist/parts/store-memory/entry.js')), 'the search finds a part');
  assert.ok(!existsSync(join(checkout.root, 'dist/parts/store-sqlite')));
  const { strings } = evidenceOf(ROOT, readLock(ROOT), 'store-sqlite', []);
  assert.ok(strings.length > 1);
  const holders = (root: string, text: string): string[] =>
    [...output(root)].filter(([, code]) => code.includes(text)).map(([path]) => path);
  for (const text of strings) {
    assert.deepEqual(holders(checkout.root, text), [], text);
    const inPart = holders(ROOT, text).some((path) => path.startsWith('parts/store-sqlite/'));
    assert.ok(inPart, `the control holds '${text}'`);
  }
  const info = JSON.parse((await checkout.node(['dist/main.js', '--version', '--json'])).stdout);
  assert.deepEqual(info.parts, ['store-memory']);
  const { parts } = JSON.parse((await checkout.node(['dist/main.js', 'drivers', '--json'])).stdout);
  assert.deepEqual(parts, [
    { kind: 'store', name: 'memory', state: 'ready', command: '' },
    ...['store', 'telemetry'].map((kind) => ({
      ...{ kind, name: kind === 'store' ? 'sqlite' : kind, state: 'absent' },
      command: `npm run flavor -- add ${FLAVOR} ${kind === 'store' ? 'store-sqlite' : kind} && npm run build -- ${FLAVOR}`,
    })),
  ]);
});

test('a scheme whose part is absent stops the start by name: part, flavor, command', async () => {
  for (const argv of [[], ['--db-url', 'sqlite:x.db'], ['config', 'check'], ['backup', 'file'], ['strays']]) {
    const command = argv[0]?.startsWith('--') === false ? argv : undefined;
    const { status, stderr } =
      command === undefined ? await gateway(...argv) : await checkout.node(['dist/main.js', ...command]);
    assert.equal(status, EXIT_NOT_IN_BUILD, `${argv}: ${stderr}`);
    assert.match(
      stderr,
      /error\[PartNotInBuild\]: .*--db-url.*sqlite:.*needs the store 'sqlite', which is not in this build/,
    );
    assert.ok(stderr.includes(`this build is the flavor '${FLAVOR}'`), stderr);
    assert.ok(
      stderr.includes(`'npm run flavor -- add ${FLAVOR} store-sqlite && npm run build -- ${FLAVOR}'`),
      stderr,
    );
    assert.doesNotMatch(stderr, /listening/);
  }
});

test('telemetry that is configured and absent stops the start by name', async () => {
  const env = { OPENSHELL_TELEMETRY_ENDPOINT: 'http://127.0.0.1:9/' };
  const { status, stderr } = await checkout.node(['dist/main.js', '--db-url', 'memory:', '--port', '0'], env);
  assert.equal(status, EXIT_NOT_IN_BUILD, stderr);
  assert.match(
    stderr,
    /openshell\.telemetry\.endpoint.* needs the part 'telemetry', which is not in this build/,
  );
  assert.doesNotMatch(stderr, /listening/);
  const off = { ...env, OPENSHELL_TELEMETRY_ENABLED: 'false' };
  const checked = await checkout.node(['dist/main.js', 'config', 'check', '--db-url', 'memory:'], off);
  assert.equal(checked.status, 0, checked.stderr);
});

test('a mistyped scheme is a typo of what this build or the project has', async () => {
  for (const [url, meant] of [
    ['memry:', 'memory:'],
    ['sqlte:/a.db', 'sqlite:'],
  ] as const) {
    const { status, stderr } = await gateway('--db-url', url);
    assert.equal(status, EXIT_USAGE, stderr);
    assert.ok(stderr.includes(`did you mean '${meant}'?`), stderr);
  }
});

test('a store without a backup of its own says so', async () => {
  const { status, stderr } = await checkout.node(['dist/main.js', 'backup', 'file', '--db-url', 'memory:']);
  assert.notEqual(status, 0);
  assert.match(stderr, /error\[BackupUnsupported\]: the gateway cannot back up the store 'memory'/);
});

test('a flavor without a driver or a store, or with a part twice, does not compile, and the error says what to do', async () => {
  mkdirSync(join(checkout.root, 'src/flavors/wrong'), { recursive: true });
  for (const [name, parts] of WRONG) {
    const imports = [
      "import docker from '../../drivers/docker/entry.js';",
      "import { flavor } from '../../flavor/flavor.js';",
      "import sqlite from '../../parts/store-sqlite/entry.js';",
      "import telemetry from '../../parts/telemetry/entry.js';",
    ];
    const text = `${imports.join('\n')}\nvoid telemetry;\nexport default flavor('${name}', ${parts});\n`;
    checkout.write(`src/flavors/wrong/${name}.ts`, text);
  }
  const config = {
    extends: './tsconfig.base.json',
    compilerOptions: {
      rootDir: 'src/flavors/wrong',
      outDir: 'dist/.wrong',
      tsBuildInfoFile: 'dist/.wrong/.tsbuildinfo',
    },
    include: ['src/flavors/wrong/*.ts'],
    references: ['flavor', 'drivers/docker', 'parts/store-sqlite', 'parts/telemetry'].map((path) => ({
      path: `src/${path}`,
    })),
  };
  checkout.write('tsconfig.wrong.json', JSON.stringify(config));
  const { status, stdout } = await checkout.compile('tsconfig.wrong.json');
  assert.notEqual(status, 0);
  for (const [name, , says] of WRONG) {
    const [, of = ''] = stdout.split(`src/flavors/wrong/${name}.ts(`);
    assert.match(of.split(/^src\//m)[0] ?? '', says, `${name}:\n${stdout}`);
  }
});
