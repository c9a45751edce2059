// npm run build [-- FLAVOR]: builds the flavor into dist/ and removes output of other flavors.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const [argument = 'default'] = process.argv.slice(2);

if (argument === '--clean') {
  for (const folder of ['dist', 'test-dist', 'dist-tools']) {
    rmSync(join(root, folder), { recursive: true, force: true });
  }
  process.exit(0);
}

const tsconfig = argument === 'default' ? 'tsconfig.json' : `tsconfig.${argument}.json`;
if (!existsSync(join(root, tsconfig)) || argument === 'base') {
  const flavors = readdirSync(root)
    .map((name) => /^tsconfig(?:\.(.+))?\.json$/.exec(name))
    .filter((match) => match !== null && match[1] !== 'base')
    .map((match) => match[1] ?? 'default');
  console.error(`build: there is no flavor '${argument}'; flavors: ${flavors.sort().join(', ')}`);
  process.exit(2);
}

/** Every project that the flavor reaches, as paths below src/. */
function projects(file, seen = new Set()) {
  const folder = dirname(file);
  for (const { path } of JSON.parse(readFileSync(file, 'utf8')).references ?? []) {
    const target = join(folder, path);
    if (seen.has(target)) {
      continue;
    }
    if (!existsSync(join(target, 'tsconfig.json'))) {
      console.error(`build: ${file} references ${path}, and there is no such project`);
      process.exit(2);
    }
    seen.add(target);
    projects(join(target, 'tsconfig.json'), seen);
  }
  return seen;
}

const wanted = new Set(
  [...projects(join(root, tsconfig))].map((path) => path.slice(join(root, 'src').length + 1)),
);
const dist = join(root, 'dist');
/** Rooms whose folders are individually in a build or not. */
const PARTS = ['drivers', 'parts'];
function rooms(folder) {
  return existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory())
    : [];
}

for (const { name } of rooms(dist)) {
  if (PARTS.includes(name) || name.startsWith('.')) {
    continue;
  }
  if (!wanted.has(name)) {
    rmSync(join(dist, name), { recursive: true });
  }
}
for (const room of PARTS) {
  for (const { name } of rooms(join(dist, room))) {
    if (!wanted.has(`${room}/${name}`)) {
      rmSync(join(dist, room, name), { recursive: true });
    }
  }
}
// A build that fails must not leave the last flavor's manifest behind.
for (const file of ['drivers.js', 'drivers.js.map', '.flavor.tsbuildinfo']) {
  rmSync(join(dist, file), { force: true });
}

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [tsc, '-b', '--stopBuildOnErrors', join(root, tsconfig)],
  { cwd: root, encoding: 'utf8' },
);
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exit(status !== 0 || /^panic:/m.test(stdout + stderr) ? status || 1 : 0);
