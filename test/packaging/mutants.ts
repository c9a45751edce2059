import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { ArtifactKind } from '../../dist-tools/flavor/package/artifacts.js';
import { sha256 } from '../../dist-tools/flavor/package/files.js';
import { readTar, writeTar } from '../../dist-tools/flavor/package/formats/tar.js';
import type { Manifest, ManifestArtifact } from '../../dist-tools/flavor/package/manifest.js';
import { ROOT } from '../flavor/checkout.js';
import { createRandom } from '../support/random.js';
import type { Made } from './made.js';

export class Random {
  /** A number from 0 up to, and without, the limit. */
  readonly below: (limit: number) => number;

  constructor(seed: number) {
    this.below = createRandom(seed);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}

/** Changes files and takes every change back, so that one packaging serves all mutants. */
export class Bench {
  readonly made: Made;
  readonly random: Random;
  #undo: (() => void)[] = [];

  constructor(made: Made, random: Random) {
    this.made = made;
    this.random = random;
  }

  later(undo: () => void): void {
    this.#undo.push(undo);
  }

  restore(): void {
    for (const undo of this.#undo.splice(0).reverse()) {
      undo();
    }
  }

  /** Regular files of the folder, by their path in it. */
  files(): string[] {
    const root = this.made.path('folder');
    return (readdirSync(root, { recursive: true }) as string[])
      .filter((path) => lstatSync(join(root, path)).isFile())
      .sort();
  }

  /** One file of the folder, or the file that an artifact is. */
  some(kind: ArtifactKind): string {
    if (kind !== 'folder') {
      return this.made.path(kind);
    }
    return join(this.made.path('folder'), this.random.pick(this.files()));
  }

  append(path: string, bytes: string | Buffer): void {
    const { size } = lstatSync(path);
    appendFileSync(path, bytes);
    this.later(() => truncateSync(path, size));
  }

  /** Overwrites bytes in place, beyond the end of the file too. */
  patch(path: string, offset: number, bytes: Buffer): void {
    const { size } = lstatSync(path);
    const file = openSync(path, 'r+');
    const before = Buffer.alloc(Math.max(0, Math.min(bytes.length, size - offset)));
    readSync(file, before, 0, before.length, offset);
    writeSync(file, bytes, 0, bytes.length, offset);
    closeSync(file);
    this.later(() => {
      const again = openSync(path, 'r+');
      writeSync(again, before, 0, before.length, offset);
      ftruncateSync(again, size);
      closeSync(again);
    });
  }

  truncate(path: string, size: number): void {
    const tail = Buffer.alloc(lstatSync(path).size - size);
    const file = openSync(path, 'r');
    readSync(file, tail, 0, tail.length, size);
    closeSync(file);
    truncateSync(path, size);
    this.later(() => appendFileSync(path, tail));
  }

  write(path: string, bytes: string | Buffer): void {
    const before = readFileSync(path);
    writeFileSync(path, bytes);
    this.later(() => writeFileSync(path, before));
  }

  chmod(path: string, mode: number): void {
    const before = lstatSync(path).mode & 0o7777;
    chmodSync(path, mode);
    this.later(() => chmodSync(path, before));
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
    this.later(() => renameSync(to, from));
  }

  create(path: string, make: (path: string) => void): void {
    const first = mkdirSync(dirname(path), { recursive: true });
    make(path);
    this.later(() => rmSync(first ?? path, { recursive: true, force: true }));
  }

  /** Puts something out of the artifact's folder, until it is restored. */
  remove(path: string): string {
    const aside = join(this.made.out, `aside-${basename(path)}`);
    this.rename(path, aside);
    return aside;
  }
}

export interface Mutant {
  /** What was done, for the list of survivors. */
  readonly what: string;
  /** What to verify: the artifact, under the name it has now. */
  readonly path: string;
}

/** The code of a driver that the artifact must not hold. */
const DRIVER = join(ROOT, 'dist', 'drivers', 'podman');
let code: Buffer | undefined;
function hidden(): Buffer {
  code ??= Buffer.concat(
    readdirSync(DRIVER)
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(DRIVER, name))),
  );
  return code;
}

/** The driver, packed so that no string of it can be found, in code that would unpack it. */
function packed(random: Random): string {
  const bytes = random.pick([
    gzipSync(hidden()),
    Buffer.from(hidden().toString('base64').split('').reverse().join('')),
  ]);
  const encoding = random.pick(['base64', 'hex', 'base64url'] as const);
  return `\n;globalThis.p = ['${encoding}', '${bytes.toString(encoding)}'];\n`;
}

type Change = (bench: Bench, kind: ArtifactKind) => string | undefined;

function flipBit(bench: Bench, path: string): string | undefined {
  const { size } = lstatSync(path);
  if (size === 0) {
    return undefined;
  }
  const at = bench.random.below(size);
  const file = openSync(path, 'r');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  closeSync(file);
  bench.patch(path, at, Buffer.from([(byte[0] as number) ^ (1 << bench.random.below(8))]));
  return `one bit at ${at} of ${path}`;
}

/** Changes to any artifact. */
const ANY: readonly Change[] = [
  (bench, kind) => {
    const path = bench.some(kind);
    bench.append(path, packed(bench.random));
    return `packed driver appended to ${path}`;
  },
  (bench, kind) => {
    const path = bench.some(kind);
    bench.append(path, bench.random.pick(['\n', ' ', '\0', '//']));
    return `a byte or two appended to ${path}`;
  },
  (bench, kind) => {
    const path = bench.some(kind);
    bench.patch(path, bench.random.below(lstatSync(path).size + 1), Buffer.from(packed(bench.random)));
    return `packed driver written into ${path}`;
  },
  (bench, kind) => flipBit(bench, bench.some(kind)),
  (bench, kind) => {
    const path = bench.some(kind);
    const { size } = lstatSync(path);
    if (size === 0) {
      return undefined;
    }
    const left = size - Math.min(size, bench.random.pick([1, 2, 512, 4096]));
    bench.truncate(path, left);
    return `${path} cut to ${left}`;
  },
  (bench, kind) => {
    const path = bench.some(kind);
    const before = lstatSync(path).mode & 0o7777;
    const mode = bench.random.pick([0o600, 0o640, 0o644, 0o666, 0o755, 0o777, 0o4755, 0o2755, 0o1644]);
    if (mode === before) {
      return undefined;
    }
    bench.chmod(path, mode);
    return `mode ${mode.toString(8)} of ${path}`;
  },
  (bench, kind) => {
    const path = bench.some(kind);
    const aside = bench.remove(path);
    bench.create(path, (link) => symlinkSync(aside, link));
    return `a link to the same bytes instead of ${path}`;
  },
  (bench, kind) => {
    const path = `${bench.made.path(kind)}.cdx.json`;
    const text = readFileSync(path, 'utf8');
    const change = bench.random.below(3);
    if (change === 0) {
      bench.remove(path);
    } else {
      bench.write(path, change === 1 ? `${text} ` : text.replace(/"version": "/, '"version": "9'));
    }
    return `SBOM ${path} changed (${change})`;
  },
];

/** A path that is not there, of a kind that a careless comparison might pass over. */
function newPath({ random }: Bench): string {
  return random.pick([
    'hidden.js',
    'dist/drivers/podman/entry.js',
    'node_modules/.package-lock.json',
    'node_modules/.bin/openshell',
    'node_modules/@openshell/podman/index.js',
    'node_modules/left/package.json',
    'dist/.hidden',
    'manifest.json',
    'openshell-gateway-docker-0.1.0.manifest.json',
    'dist/main.js\n',
    'dist/main.js ',
    'dist/m\u0430in.js',
    'Package.json',
    '\u00e9/\u0065\u0301.js',
  ]);
}

/** A package's folder, from the artifact's root. */
function somePackage(bench: Bench): string {
  const places = bench
    .files()
    .filter((path) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path));
  return dirname(bench.random.pick(places));
}

const FOLDER: readonly Change[] = [
  (bench) => {
    const pieces = packed(bench.random).match(/[\s\S]{1,4096}/g) ?? [];
    const files = bench.files().filter((path) => path.endsWith('.js'));
    const taken = new Set(pieces.map(() => bench.random.pick(files)));
    for (const path of taken) {
      bench.append(join(bench.made.path('folder'), path), pieces.pop() ?? '//');
    }
    return `packed driver split over ${taken.size} files`;
  },
  (bench) => {
    const path = newPath(bench);
    bench.create(join(bench.made.path('folder'), path), (file) => writeFileSync(file, packed(bench.random)));
    return `new file ${JSON.stringify(path)}`;
  },
  (bench) => {
    const path = newPath(bench);
    bench.create(join(bench.made.path('folder'), path), (link) => symlinkSync('/etc/hostname', link));
    return `new link ${JSON.stringify(path)}`;
  },
  (bench) => {
    const path = newPath(bench);
    bench.create(join(bench.made.path('folder'), path), (folder) => mkdirSync(folder));
    return `new folder ${JSON.stringify(path)}`;
  },
  (bench) => {
    const path = newPath(bench);
    bench.create(join(bench.made.path('folder'), path), (pipe) => spawnSync('mkfifo', [pipe]));
    return `new pipe ${JSON.stringify(path)}`;
  },
  (bench) => {
    const path = bench.some('folder');
    bench.remove(path);
    return `${path} removed`;
  },
  (bench) => {
    const place = somePackage(bench);
    bench.remove(join(bench.made.path('folder'), place));
    return `package ${place} removed`;
  },
  (bench) => {
    const place = somePackage(bench);
    const path = join(bench.made.path('folder'), place);
    const name = basename(place);
    const other = bench.random.pick([`${name}2`, name.toUpperCase(), `.${name}`, `${name}-fork`]);
    if (other === name) {
      return undefined;
    }
    bench.rename(path, join(dirname(path), other));
    return `package ${place} renamed to ${other}`;
  },
  (bench) => {
    const place = somePackage(bench);
    const path = join(bench.made.path('folder'), place);
    const aside = bench.remove(path);
    bench.create(path, (link) => symlinkSync(aside, link));
    return `package ${place} is a link to the same files`;
  },
  (bench) => {
    const path = bench.some('folder');
    const name = basename(path);
    const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
    if (other === name) {
      return undefined;
    }
    bench.rename(path, join(dirname(path), other));
    return `${path} in the other case`;
  },
  (bench) => {
    const [a, b] = [bench.some('folder'), bench.some('folder')];
    const [first, second] = [readFileSync(a), readFileSync(b)];
    if (first.equals(second)) {
      return undefined;
    }
    bench.write(a, second);
    bench.write(b, first);
    return `${a} and ${b} swapped`;
  },
  (bench) => {
    const path = bench.random.pick(['package.json', `${somePackage(bench)}/package.json`]);
    const file = join(bench.made.path('folder'), path);
    const content = JSON.parse(readFileSync(file, 'utf8'));
    const change = bench.random.pick([
      { scripts: { ...content.scripts, postinstall: 'node hidden.js' } },
      { dependencies: { ...content.dependencies, 'left-pad': '1.3.0' } },
      { main: './other.js' },
      { version: '99.0.0' },
    ]);
    bench.write(file, `${JSON.stringify({ ...content, ...change }, null, 2)}\n`);
    return `${path}: ${Object.keys(change).join()}`;
  },
  (bench) => {
    const path = bench.some('folder');
    const bytes = readFileSync(path);
    const at = bytes.findIndex((byte) => byte >= 0x61 && byte <= 0x7a);
    if (at === -1) {
      return undefined;
    }
    bench.patch(path, at, Buffer.from([(bytes[at] as number) - 0x20]));
    return `a capital letter in ${path}`;
  },
  (bench) => {
    const path = dirname(bench.some('folder'));
    bench.chmod(path, bench.random.pick([0o777, 0o775, 0o700, 0o1755]));
    return `mode of the folder ${path}`;
  },
];

/** The artifact goes by another name, or another file by its name. */
const FILE: readonly Change[] = [
  (bench, kind) => {
    const path = bench.made.path(kind);
    const other: ArtifactKind = kind === 'bundle' ? 'tgz' : 'bundle';
    bench.remove(path);
    bench.create(path, (copy) => copyFileSync(bench.made.path(other), copy));
    return `${path} is a copy of the ${other}`;
  },
];

const ARCHIVE: readonly Change[] = [
  (bench, kind) => {
    const path = bench.made.path(kind);
    const bytes = readFileSync(path);
    const entries = readTar(kind === 'tgz' ? gunzipSync(bytes) : bytes);
    const extra = {
      type: 'file',
      path: 'package/hidden.js',
      bytes: Buffer.from(packed(bench.random)),
    } as const;
    const tar = writeTar([...entries, extra], 1_700_000_000);
    bench.write(path, kind === 'tgz' ? gzipSync(tar) : tar);
    return `packed again with a file more: ${path}`;
  },
  (bench, kind) => {
    const path = bench.made.path(kind);
    const tar = writeTar([{ type: 'file', path: 'x', bytes: hidden() }], 0);
    bench.append(path, kind === 'tgz' ? gzipSync(tar) : tar);
    return `a second archive after the first: ${path}`;
  },
];

function manifestPath({ made }: Bench): string {
  return join(made.out, `openshell-gateway-${made.manifest.flavor}-${made.manifest.version}.manifest.json`);
}

/** Changes to what the manifest says of an artifact that stays as it was. */
const MANIFEST: readonly Change[] = [
  (bench, kind) => {
    const manifest = JSON.parse(readFileSync(manifestPath(bench), 'utf8'));
    const artifact = manifest.artifacts.find((each: ManifestArtifact) => each.kind === kind);
    const at = bench.random.below(artifact.files.length);
    const file = { ...artifact.files[at] };
    const [what, change] = bench.random.pick<[string, () => unknown]>([
      ['a file left out', () => artifact.files.splice(at, 1)],
      ['a file twice', () => artifact.files.push(file)],
      ['another digest', () => artifact.files.splice(at, 1, { ...file, sha256: sha256(Buffer.from('x')) })],
      ['another size', () => artifact.files.splice(at, 1, { ...file, size: 1.5 })],
      ['another mode', () => artifact.files.splice(at, 1, { ...file, mode: '0777' })],
      ['a path that leads out', () => artifact.files.splice(at, 1, { ...file, path: '../x' })],
      ['no digest', () => artifact.files.splice(at, 1, { ...file, sha256: undefined })],
      ['another SBOM', () => Object.assign(artifact.sbom, { sha256: sha256(Buffer.from('x')) })],
      ['no files', () => Object.assign(artifact, { files: undefined })],
      ['the artifact twice', () => manifest.artifacts.push(artifact)],
      ['another driver', () => Object.assign(manifest, { drivers: ['podman'] })],
      ['another flavor', () => Object.assign(manifest, { flavor: 'podman' })],
      ['another version', () => Object.assign(manifest, { version: '9.9.9' })],
      ['another name', () => Object.assign(artifact, { name: 'x' })],
    ]);
    change();
    bench.write(manifestPath(bench), `${JSON.stringify(manifest, null, 2)}\n`);
    return `manifest, ${kind}: ${what}`;
  },
  (bench) => {
    const path = manifestPath(bench);
    bench.truncate(path, bench.random.below(lstatSync(path).size - 2));
    return 'manifest cut';
  },
];

const KINDS: readonly ArtifactKind[] = ['folder', 'folder', 'folder', 'tgz', 'bundle', 'executable', 'image'];

function changesOf(kind: ArtifactKind): readonly Change[] {
  if (kind === 'folder') {
    return [...ANY, ...FOLDER, ...MANIFEST];
  }
  const archive = kind === 'tgz' || kind === 'image';
  return [...ANY, ...FILE, ...(archive ? ARCHIVE : []), ...MANIFEST];
}

/** Every change of every kind at least once before any comes twice, then at random. */
export function changes(count: number, random: Random): { kind: ArtifactKind; change: Change }[] {
  const all = [...new Set(KINDS)].flatMap((kind) => changesOf(kind).map((change) => ({ kind, change })));
  for (let at = all.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [all[at], all[other]] = [all[other] as (typeof all)[0], all[at] as (typeof all)[0]];
  }
  return Array.from({ length: count }, (_, index) => {
    if (index < all.length) {
      return all[index] as (typeof all)[0];
    }
    const kind = random.pick(KINDS);
    return { kind, change: random.pick(changesOf(kind)) };
  });
}

/** Makes one mutant; a change that happened to change nothing is tried again. */
export function mutate(bench: Bench, { kind, change }: { kind: ArtifactKind; change: Change }): Mutant {
  for (let tries = 0; tries < 100; tries++) {
    const what = change(bench, kind);
    if (what !== undefined) {
      return { what: `${kind}: ${what}`, path: bench.made.path(kind) };
    }
    bench.restore();
  }
  throw new Error(`no mutant of ${kind} came out of ${change}`);
}

/** Makes the manifest say that the artifact is as it is now: what an attacker does who has no key. */
export function agree(bench: Bench, kind: ArtifactKind): void {
  const manifest: Manifest = JSON.parse(readFileSync(manifestPath(bench), 'utf8'));
  const artifact = manifest.artifacts.find((each) => each.kind === kind);
  const root = bench.made.path(kind);
  const describe = (path: string, file: string) => {
    const { size, mode } = lstatSync(file);
    return { path, mode: (mode & 0o100) === 0 ? '0644' : '0755', size, sha256: sha256(readFileSync(file)) };
  };
  const files =
    kind === 'folder'
      ? bench.files().map((path) => describe(path, join(root, path)))
      : [describe(basename(root), root)];
  Object.assign(artifact ?? {}, { files });
  bench.write(manifestPath(bench), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Changes after which `agree` gives an artifact that is in order but for who signed it. */
export const CONSISTENT: readonly Change[] = [ANY[0] as Change, ANY[2] as Change, ANY[3] as Change];
