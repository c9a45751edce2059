import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { type ArtifactKind, manifestName } from '../package/artifacts.js';
import { sha256 } from '../package/files.js';
import type { TarEntry } from '../package/formats/tar.js';
import { type Manifest, type ManifestArtifact, modeText } from '../package/manifest.js';
import { RANGE } from '../package/package-flavor.js';
import { readRelease } from '../package/release.js';
import { program } from '../program.js';
import { artifactEntries } from './artifact.js';
import { compareFiles } from './compare-files.js';

const TOOL = 'tools/flavor/openshell-flavor.mjs';
const BUILD_TIMEOUT_MS = 1_800_000;

/** A packaging rebuilt from source. */
export interface Rebuilt {
  readonly out: string;
  readonly manifest: Manifest;
  dispose(): void;
}

/**
 * Rebuilds what a manifest describes, with the tool of a checkout at the same commit, so that only that commit, its
 * lock file and this host are trusted. FAILED_PRECONDITION when the checkout is at another commit or does not build.
 */
export async function rebuild(
  source: string,
  manifest: Manifest,
  kinds: readonly ArtifactKind[],
  progress: (line: string) => void,
): Promise<Rebuilt> {
  if (!existsSync(join(source, TOOL))) {
    throw failedPrecondition(`${source} is not a checkout: it has no ${TOOL}`);
  }
  const { commit } = await readRelease(source, {});
  if (commit !== manifest.build) {
    throw failedPrecondition(`the manifest was built from ${manifest.build}, but ${source} is at ${commit}`, {
      hint: 'check that commit out (git worktree add), run scripts/setup.sh there, name it with --source',
    });
  }
  const out = mkdtempSync(join(tmpdir(), 'openshell-rebuilt-'));
  function dispose(): void {
    rmSync(out, { recursive: true, force: true });
  }

  try {
    const forNode20 = manifest.artifacts.some(({ node }) => node === RANGE[20]);
    progress(`rebuild ${manifest.flavor} from ${source}`);
    const options = ['--node', forNode20 ? '20' : '22', '--only', kinds.join(',')];
    if (manifest.agent === undefined) {
      options.push('--without-agent');
    }
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(manifest.source_date_epoch) };
    await program(
      process.execPath,
      [join(source, TOOL), 'package', manifest.flavor, '--out', out, ...options],
      {
        cwd: source,
        env,
        timeoutMs: BUILD_TIMEOUT_MS,
      },
    );
    const base = `openshell-gateway-${manifest.flavor}-${manifest.version}`;
    const text = readFileSync(join(out, manifestName(base)), 'utf8');
    return { out, manifest: JSON.parse(text) as Manifest, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Where an artifact and its manifest's entry differ from the rebuilt ones, by file. */
export function rebuiltDifferences(
  path: string,
  manifest: Manifest,
  { kind, name, sbom }: ManifestArtifact,
  rebuilt: Rebuilt,
): string[] {
  const again = rebuilt.manifest.artifacts.find((artifact) => artifact.name === name);
  if (again === undefined) {
    return [`${name} was not built`];
  }
  function fieldsOf({ artifacts, ...fields }: Manifest): string {
    return JSON.stringify(fields);
  }

  const { problems } = compareFiles(path, kind, again.files);
  return [
    ...(fieldsOf(manifest) === fieldsOf(rebuilt.manifest) ? [] : ['the manifest describes another build']),
    ...(manifest.sources === rebuilt.manifest.sources ? [] : ['it was built from different sources']),
    ...(sbom.sha256 === again.sbom.sha256 ? [] : [`${sbom.path} is rebuilt with different content`]),
    ...problems,
    ...(problems.length > 0 && (kind === 'tgz' || kind === 'image')
      ? archiveDifferences(path, join(rebuilt.out, name), kind)
      : []),
  ];
}

function archiveDifferences(path: string, again: string, kind: ArtifactKind): string[] {
  const expected = artifactEntries(again, kind);
  try {
    return entryDifferences(artifactEntries(path, kind), expected);
  } catch (cause) {
    return [`it cannot be unpacked: ${(cause as Error).message}`];
  }
}

function content(entry: TarEntry): string {
  if (entry.type === 'folder') {
    return '';
  }
  return entry.type === 'link' ? entry.target : sha256(entry.bytes);
}

function summary(entry: TarEntry): string {
  return JSON.stringify([entry.type, modeText(entry.mode ?? 0), entry.owner ?? 0, content(entry)]);
}

/** By path, the files, folders and links that differ between two archives. */
function entryDifferences(entries: readonly TarEntry[], again: readonly TarEntry[]): string[] {
  const found = new Map(entries.map((entry) => [entry.path, summary(entry)]));
  const expected = new Map(again.map((entry) => [entry.path, summary(entry)]));
  return [
    ...[...found.keys()]
      .filter((path) => !expected.has(path))
      .map((path) => `${path} is in it but not in the rebuilt one`),
    ...[...expected].flatMap(([path, text]) => {
      if (!found.has(path)) {
        return [`${path} is in the rebuilt one but not in it`];
      }
      return found.get(path) === text ? [] : [`${path} in it differs from the rebuilt one`];
    }),
  ];
}
