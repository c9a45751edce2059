import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { driverProjects } from '../choose/driver-projects.js';
import { flavorSource } from '../choose/flavor-source.js';
import type { FlavorSpec } from '../choose/flavor-spec.js';
import { packageName, readLock } from '../lock-file.js';
import { type ArtifactKind, artifactName, baseName } from './artifacts.js';
import { reachableFiles, writeBundle } from './bundle.js';
import { writeCodeCache } from './code-cache.js';
import { writeExecutable } from './executable.js';
import { byPath, sha256, writeEntries } from './files.js';
import { folderEntries, installedPackages } from './folder.js';
import { type TarEntry, writeTar } from './formats/tar.js';
import { agentEntry, compileGuestAgent, embedAgent, hasAgent } from './guest-agent.js';
import { imageArchive } from './image.js';
import { folderFiles, type Manifest, type ManifestArtifact, manifest, singleFile } from './manifest.js';
import { OLDEST_NODE } from './multi-call.js';
import { programs } from './programs.js';
import { pinnedNode, readRelease } from './release.js';
import { sbom } from './sbom.js';
import { selfTest } from './self-test.js';
import { singleFileText } from './single-file.js';
import { certificates, libraries, type SystemFile } from './system-files.js';
import { compile, install, openWorkshop, type Workshop } from './workshop.js';

export interface PackageOptions {
  readonly root: string;
  readonly spec: FlavorSpec;
  /** Where the artifacts go. Default names are replaced when they are there. */
  readonly out: string;
  /** 20: folder and archive also run on Node 20, and hold a SQLite for it. */
  readonly node: 20 | 22;
  readonly kinds: readonly ArtifactKind[];
  /** Whether a flavor that has a guest agent ships it compiled; needs musl-gcc. */
  readonly agent: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  progress(line: string): void;
}

const RANGE = {
  20: '^20.20.0 || ^22.13.0 || >=24.0.0',
  22: `^${OLDEST_NODE.major}.${OLDEST_NODE.minor}.0 || >=24.0.0`,
} as const;

/** Folder and archive of it under one leading name, as npm and people expect. */
const archive = (entries: readonly TarEntry[], base: string, epochSeconds: number): Buffer => {
  const prefixed = entries.map((entry) => ({ ...entry, path: `${base}/${entry.path}` }));
  return gzipSync(writeTar(prefixed, epochSeconds), { level: 9 });
};

/** Makes what was asked for in an empty folder of its own, runs each, and gives what it made. */
export const packageFlavor = async (options: PackageOptions): Promise<Manifest> => {
  const { root, spec } = options;
  const all = driverProjects(root);
  const release = await readRelease(root, options.env);
  const workshop = openWorkshop(root, flavorSource(spec, all), release);
  try {
    return await make(options, workshop, release);
  } finally {
    workshop.dispose();
  }
};

const make = async (
  { root, spec, out, node, kinds, agent: wantsAgent, progress }: PackageOptions,
  workshop: Workshop,
  release: Awaited<ReturnType<typeof readRelease>>,
): Promise<Manifest> => {
  const drivers = driverProjects(root).filter(({ name }) => spec.drivers.includes(name));
  const base = baseName(spec, release.version);
  const platform = `${process.platform}-${process.arch}`;
  const pathOf = (kind: ArtifactKind): string => join(out, artifactName(kind, base, platform));
  const written: ManifestArtifact[] = [];
  const note = (
    kind: ArtifactKind,
    range: string,
    packages: number,
    files: ManifestArtifact['files'],
  ): void => {
    written.push({ kind, name: artifactName(kind, base, platform), node: range, packages, files });
  };
  mkdirSync(out, { recursive: true });

  const needsAgent = wantsAgent && hasAgent(workshop, drivers);
  const agent = needsAgent ? await compileGuestAgent(workshop, progress) : undefined;
  progress(`install: the closure of ${spec.drivers.join(', ')} from the lock file`);
  await install(workshop, drivers, { optional: node === 20 });
  progress('compile');
  await compile(root, workshop, spec);
  const list = programs(workshop.tree, spec.drivers);
  const installed = installedPackages(workshop);
  const describe = (kind: ArtifactKind, parts: Partial<Parameters<typeof sbom>[0]>): void => {
    const artifact = artifactName(kind, base, platform);
    const text = sbom({ artifact, flavor: spec.name, release, packages: installed, agent, ...parts });
    writeFileSync(join(out, `${artifact}.cdx.json`), text);
  };

  if (kinds.includes('folder') || kinds.includes('tgz')) {
    progress('folder and archive');
    const code = folderEntries(workshop, {
      drivers,
      programs: list,
      files: await reachableFiles(workshop, list),
      engines: RANGE[node],
      optional: node === 20,
    });
    const entries = agent === undefined ? code : [...code, agentEntry(agent)].sort(byPath);
    if (kinds.includes('folder')) {
      rmSync(pathOf('folder'), { recursive: true, force: true });
      writeEntries(pathOf('folder'), entries);
      note('folder', RANGE[node], installed.size, folderFiles(entries));
      describe('folder', {});
    }
    if (kinds.includes('tgz')) {
      const bytes = archive(entries, base, release.epochSeconds);
      writeFileSync(pathOf('tgz'), bytes);
      note('tgz', RANGE[node], installed.size, [singleFile(artifactName('tgz', base, platform), bytes)]);
      describe('tgz', {});
    }
  }
  const single = kinds.filter((kind) => kind === 'bundle' || kind === 'executable' || kind === 'image');
  if (single.length > 0) {
    progress('bundle');
    const bundle = join(workshop.scratch, 'gateway.cjs');
    if (agent !== undefined) embedAgent(workshop, agent);
    const places = await writeBundle(workshop, {
      programs: list,
      optional: optionalNames(root),
      outfile: bundle,
    });
    const packages = new Map([...installed].filter(([place]) => places.includes(place)));
    await writeCodeCache(root, workshop, bundle);
    if (kinds.includes('bundle')) {
      const bytes = Buffer.from(singleFileText(root, workshop), 'latin1');
      writeFileSync(pathOf('bundle'), bytes);
      note('bundle', RANGE[22], packages.size, [singleFile(artifactName('bundle', base, platform), bytes)]);
      describe('bundle', { packages });
    }
    if (kinds.includes('executable') || kinds.includes('image')) {
      const { version } = pinnedNode(root);
      progress(`executable, with Node ${version}`);
      const executable = kinds.includes('executable')
        ? pathOf('executable')
        : join(workshop.scratch, 'openshell-gateway');
      rmSync(executable, { force: true });
      await writeExecutable(root, workshop, executable);
      if (kinds.includes('executable')) {
        const name = artifactName('executable', base, platform);
        note('executable', '', packages.size, [singleFile(name, readFileSync(executable))]);
        describe('executable', { packages, node: version });
      }
      if (kinds.includes('image')) {
        progress('image');
        const system: SystemFile[] = [...(await libraries(executable)), await certificates()];
        const bytes = imageArchive({
          flavor: spec.name,
          executable,
          system,
          programs: list,
          release,
          architecture: process.arch,
        });
        writeFileSync(pathOf('image'), bytes);
        note('image', '', packages.size, [singleFile(artifactName('image', base, platform), bytes)]);
        describe('image', { packages, node: version, system });
      }
    }
  }
  const made = manifest(spec, release, written, agent?.bytes);
  for (const { kind, name } of written) {
    progress(`run ${name}`);
    const path = join(out, name);
    const scratch = join(workshop.scratch, `run-${kind}`);
    await selfTest({ kind, path, node: pinnedNode(root).path, scratch }, made);
  }
  const manifestName = `${base}.manifest.json`;
  writeFileSync(join(out, manifestName), `${JSON.stringify(made, null, 2)}\n`);
  writeChecksums(out, base, [
    manifestName,
    ...written.flatMap(({ kind, name }) => [...(kind === 'folder' ? [] : [name]), `${name}.cdx.json`]),
  ]);
  return made;
};

/** Every package of the lock file that something can do without, in any flavor. */
export const optionalNames = (root: string): string[] => [
  ...new Set(
    [...readLock(root)]
      .filter(([, entry]) => entry.optional === true && entry.dev !== true)
      .map(([place, entry]) => packageName(place, entry)),
  ),
];

/** As `sha256sum --check` reads it. */
const writeChecksums = (out: string, base: string, names: readonly string[]): void => {
  const lines = [...names].sort().map((name) => `${sha256(readFileSync(join(out, name)))}  ${name}\n`);
  writeFileSync(join(out, `${base}.sha256`), lines.join(''));
};
