// Writes src/wire/*/generated from src/wire/*/proto. With --check: compares instead and fails if they differ.
// Everything it runs is in node_modules; it needs no network.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wire = join(root, 'src/wire');
const buf = bufBinary();
const generator = join(root, 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es');

const check = process.argv.includes('--check');
const rooms = readdirSync(wire)
  .filter((name) => existsSync(join(wire, name, 'proto')))
  .sort();
const differing = rooms.flatMap((room) => (check ? compare(room) : write(room)));

if (check && differing.length > 0) {
  console.error('Generated wire code does not match its .proto files:');
  for (const line of differing) {
    console.error(`  ${line}`);
  }
  console.error('Run `npm run generate` and commit the result.');
  process.exit(1);
}
console.log(check ? `generated code of ${rooms.join(', ')} is up to date` : `generated ${rooms.join(', ')}`);

/** Path of the buf binary in its platform package, so that npm's launcher never downloads anything. */
function bufBinary() {
  const arch = { arm: 'armv7', arm64: process.platform === 'linux' ? 'aarch64' : 'arm64' }[process.arch];
  const name = `@bufbuild/buf-${process.platform}-${arch ?? process.arch}`;
  const file = process.platform === 'win32' ? 'buf.exe' : 'buf';
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/${file}`);
  } catch {
    console.error(`${name} is not installed. Run \`npm ci\` (without --omit=optional) and try again.`);
    process.exit(1);
  }
}

function generate(room, out) {
  const template = {
    version: 'v2',
    plugins: [
      {
        local: [process.execPath, generator],
        out,
        opt: ['target=ts', 'import_extension=js'],
        strategy: 'all',
      },
    ],
  };
  execFileSync(buf, ['generate', join(wire, room, 'proto'), '--template', JSON.stringify(template)], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 120_000,
  });
}

/** Generates beside the target and swaps, so that a failing run leaves the old code intact. */
function write(room) {
  const fresh = mkdtempSync(join(wire, room, '.generating-'));
  try {
    generate(room, fresh);
    rmSync(join(wire, room, 'generated'), { recursive: true, force: true });
    renameSync(fresh, join(wire, room, 'generated'));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return [];
}

function compare(room) {
  const fresh = mkdtempSync(join(wire, room, '.generating-'));
  try {
    generate(room, fresh);
    const committed = join(wire, room, 'generated');
    const want = files(fresh);
    const have = existsSync(committed) ? files(committed) : [];
    function shown(file) {
      return relative(root, join(committed, file));
    }

    return [
      ...want.filter((file) => !have.includes(file)).map((file) => `missing    ${shown(file)}`),
      ...have.filter((file) => !want.includes(file)).map((file) => `left over  ${shown(file)}`),
      ...want
        .filter((file) => have.includes(file) && differ(join(fresh, file), join(committed, file)))
        .map((file) => `differs    ${shown(file)}`),
    ];
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function differ(one, other) {
  return !readFileSync(one).equals(readFileSync(other));
}
