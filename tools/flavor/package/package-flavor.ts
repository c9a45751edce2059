import type { KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { flavorSource } from '../choose/flavor-source.js';
import { type FlavorSpec, wordsOf } from '../choose/flavor-spec.js';
import { chosenProjects, partProjects } from '../choose/projects.js';
import { packageName, readLock } from '../lock-file.js';
import { compareFiles } from '../prove/compare-files.js';
import { sign, signatureName } from '../signature.js';
import { type ArtifactKind, artifactName, baseName, manifestName, sbomName } from './artifacts.js';
import { reachableFiles, writeBundle } from './bundle.js';
import { writeCodeCache } from './code-cache.js';
import { writeExecutable } from './executable.js';
import { byPath, sha256, writeEntries, writeExactly } from './files.js';
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
import { compile, install, openToolchain, type Toolchain } from './toolchain.js';

export interface PackageOptions {
  readonly root: string;
  readonly spec: FlavorSpec;
  /** The output folder. Existing artifacts with the same names are replaced. */
  readonly out: string;
  /** 20: folder and archive also run on Node 20, and contain SQLite for it. */
  readonly node: 20 | 22;
  readonly kinds: readonly ArtifactKind[];
  /** Whether a flavor that has a guest agent ships it compiled; needs musl-gcc. */
  readonly agent: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Signs the manifest, and thereby all that it lists. */
  readonly signKey?: KeyObject | undefined;
  progress(line: string): void;
}

export const RANGE = {
  20: '^20.20.0 || ^22.13.0 || >=24.0.0',
  22: `^${OLDEST_NODE.major}.${OLDEST_NODE.minor}.0 || >=24.0.0`,
} as const;

/** The archive of a folder under one top-level name, as npm and people expect. */
function archive(entries: readonly TarEntry[], base: string, epochSeconds: number): Buffer {
  const prefixed = entries.map((entry) => ({ ...entry, path: `${base}/${entry.path}` }));
  return gzipSync(writeTar(prefixed, epochSeconds), { level: 9 });
}

/** Builds the artifacts in an empty folder of its own, runs each, and returns the manifest. */
export async function packageFlavor(options: PackageOptions): Promise<Manifest> {
  const { root, spec } = options;
  const release = await readRelease(root, options.env);
  const toolchain = openToolchain(root, flavorSource(spec, partProjects(root)), release);
  try {
    return await make(options, toolchain, release);
  } finally {
    toolchain.dispose();
  }
}

async function make(
  { root, spec, out, node, kinds, agent: wantsAgent, signKey, progress }: PackageOptions,
  toolchain: Toolchain,
  release: Awaited<ReturnType<typeof readRelease>>,
): Promise<Manifest> {
  const parts = chosenProjects(root, wordsOf(spec));
  const base = baseName(spec, release.version);
  const platform = `${process.platform}-${process.arch}`;
  function pathOf(kind: ArtifactKind): string {
    return join(out, artifactName(kind, base, platform));
  }

  const written: ManifestArtifact[] = [];
  mkdirSync(out, { recursive: true });

  const needsAgent = wantsAgent && hasAgent(toolchain, parts);
  const agent = needsAgent ? await compileGuestAgent(toolchain, progress) : undefined;
  progress(`install: the closure of ${wordsOf(spec).join(', ')} from the lock file`);
  await install(toolchain, parts, { optional: node === 20 });
  progress('compile');
  await compile(root, toolchain, spec);
  const list = programs(toolchain.tree, spec.drivers);
  const installed = installedPackages(toolchain);
  function note(
    kind: ArtifactKind,
    range: string,
    files: ManifestArtifact['files'],
    more: Partial<Parameters<typeof sbom>[0]> = {},
  ): void {
    const name = artifactName(kind, base, platform);
    const described = { artifact: name, flavor: spec.name, release, packages: installed, agent, ...more };
    const text = Buffer.from(sbom(described));
    writeExactly(join(out, sbomName(name)), text);
    const packages = described.packages.size;
    written.push({ kind, name, node: range, packages, files, sbom: singleFile(sbomName(name), text) });
  }

  function writeOne(
    kind: ArtifactKind,
    range: string,
    bytes: Buffer,
    more?: Partial<Parameters<typeof sbom>[0]>,
  ): void {
    writeExactly(pathOf(kind), bytes);
    note(kind, range, [singleFile(artifactName(kind, base, platform), bytes)], more);
  }

  if (kinds.includes('folder') || kinds.includes('tgz')) {
    progress('folder and archive');
    const code = folderEntries(toolchain, {
      parts,
      programs: list,
      files: await reachableFiles(toolchain, list),
      engines: RANGE[node],
      optional: node === 20,
    });
    const entries = agent === undefined ? code : [...code, agentEntry(agent)].sort(byPath);
    if (kinds.includes('folder')) {
      rmSync(pathOf('folder'), { recursive: true, force: true });
      writeEntries(pathOf('folder'), entries);
      note('folder', RANGE[node], folderFiles(entries));
    }
    if (kinds.includes('tgz')) {
      writeOne('tgz', RANGE[node], archive(entries, base, release.epochSeconds));
    }
  }
  const single = kinds.filter((kind) => kind === 'bundle' || kind === 'executable' || kind === 'image');
  if (single.length > 0) {
    progress('bundle');
    const bundle = join(toolchain.scratch, 'gateway.cjs');
    if (agent !== undefined) {
      embedAgent(toolchain, agent);
    }
    const places = await writeBundle(toolchain, {
      programs: list,
      optional: optionalNames(root),
      outfile: bundle,
    });
    const packages = new Map([...installed].filter(([place]) => places.includes(place)));
    await writeCodeCache(root, toolchain, bundle);
    if (kinds.includes('bundle')) {
      writeOne('bundle', RANGE[22], Buffer.from(singleFileText(root, toolchain), 'latin1'), { packages });
    }
    if (kinds.includes('executable') || kinds.includes('image')) {
      const { version } = pinnedNode(root);
      progress(`executable, with Node ${version}`);
      const executable = kinds.includes('executable')
        ? pathOf('executable')
        : join(toolchain.scratch, 'openshell-gateway');
      rmSync(executable, { force: true });
      await writeExecutable(root, toolchain, executable);
      if (kinds.includes('executable')) {
        const name = artifactName('executable', base, platform);
        const file = singleFile(name, readFileSync(executable), 0o755);
        note('executable', '', [file], { packages, node: version });
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
        writeOne('image', '', bytes, { packages, node: version, system });
      }
    }
  }
  const made = manifest(spec, release, toolchain.sources, written, agent?.bytes);
  for (const artifact of written) {
    const { kind, name } = artifact;
    progress(`run ${name}`);
    const path = join(out, name);
    const scratch = join(toolchain.scratch, `run-${kind}`);
    await selfTest({ kind, path, node: pinnedNode(root).path, scratch }, made);
    const { problems } = compareFiles(path, kind, artifact.files);
    if (problems.length > 0) {
      throw failedPrecondition(`${name} changed after it was written: ${problems[0]}`);
    }
  }
  const text = Buffer.from(`${JSON.stringify(made, null, 2)}\n`);
  const signature = signatureName(manifestName(base));
  writeExactly(join(out, manifestName(base)), text);
  // A signature of an earlier packaging would be for other bytes.
  rmSync(join(out, signature), { force: true });
  if (signKey !== undefined) {
    writeExactly(join(out, signature), Buffer.from(sign(text, signKey)));
  }
  writeChecksums(out, base, [
    manifestName(base),
    ...(signKey === undefined ? [] : [signature]),
    ...written.flatMap(({ kind, name }) => [...(kind === 'folder' ? [] : [name]), sbomName(name)]),
  ]);
  return made;
}

/** Every optional package of the lock file, in any flavor. */
export function optionalNames(root: string): string[] {
  return [
    ...new Set(
      [...readLock(root)]
        .filter(([, entry]) => entry.optional === true && entry.dev !== true)
        .map(([place, entry]) => packageName(place, entry)),
    ),
  ];
}

/** In the format of `sha256sum --check`. */
function writeChecksums(out: string, base: string, names: readonly string[]): void {
  const lines = [...names].sort().map((name) => `${sha256(readFileSync(join(out, name)))}  ${name}\n`);
  writeExactly(join(out, `${base}.sha256`), Buffer.from(lines.join('')));
}
