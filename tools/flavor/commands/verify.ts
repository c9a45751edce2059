import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { invalidArgument, OpenShellError } from '../../../dist/compute/errors.js';
import { VERSION } from '../../../dist/compute/version.js';
import { didYouMean } from '../../../dist/kit/nearest.js';
import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import { DEFAULT_FLAVOR, wordsOf } from '../choose/flavor-spec.js';
import { type Command, type CommandContext, commaList } from '../command.js';
import { readLock } from '../lock-file.js';
import type { ArtifactKind } from '../package/artifacts.js';
import type { Manifest, ManifestArtifact } from '../package/manifest.js';
import { type Artifact, artifactKind, openArtifact, unpack } from '../prove/artifact.js';
import { compareFiles } from '../prove/compare-files.js';
import { evidenceOf, searchable } from '../prove/markers.js';
import {
  entryOf,
  manifestBeside,
  parseManifest,
  readManifestBytes,
  signatureOf,
} from '../prove/read-manifest.js';
import { type Rebuilt, rebuild, rebuiltDifferences } from '../prove/rebuild.js';
import { type Finding, opened, verifyAbsent, verifyPresent, verifyWhole } from '../prove/verify.js';
import { sbomDifferences } from '../prove/verify-sbom.js';
import { readPublicKey } from '../signature.js';

/** Parts by their words. */
interface Expectation {
  readonly present: readonly string[];
  readonly absent: readonly string[];
}

const TELEMETRY = 'telemetry';

/** The flavor in an artifact's name, e.g. openshell-gateway-docker-0.1.0.tgz. */
function flavorOf(root: string, path: string): string | undefined {
  return flavorNames(root).find((name) => basename(path).startsWith(`openshell-gateway-${name}-${VERSION}`));
}

/** The parts in the options, else those of the flavor in the artifact's name. */
function expectation(context: CommandContext, path: string): Expectation {
  const known = searchable(context.root);
  const telemetry = context.text('telemetry');
  if (telemetry !== undefined && telemetry !== 'present' && telemetry !== 'absent') {
    throw invalidArgument(`--telemetry is present or absent, not '${telemetry}'`);
  }
  function asked(outcome: 'present' | 'absent'): string[] {
    return [...commaList(context, outcome), ...(telemetry === outcome ? [TELEMETRY] : [])];
  }

  const present = asked('present');
  const absent = asked('absent');
  for (const name of [...present, ...absent]) {
    if (!known.includes(name)) {
      throw invalidArgument(`there is no part '${name}' to look for`, {
        hint: didYouMean(name, known, `known here: ${known.join(', ')}`),
      });
    }
  }
  if (present.length > 0 || absent.length > 0) {
    return { present, absent };
  }
  const flavor = flavorOf(context.root, path);
  if (flavor === undefined) {
    throw invalidArgument(`the name ${basename(path)} does not contain a flavor`, {
      hint: 'specify what to expect with --present and --absent',
    });
  }
  const words = wordsOf(specOf(readFlavor(context.root, flavor)));
  return { present: words, absent: known.filter((word) => !words.includes(word)) };
}

/** The default flavor's artifact for checking the search: named, or of the same kind in the same folder. */
function controlPath(context: CommandContext, path: string): string {
  const given = context.text('control');
  if (given !== undefined) {
    return resolve(context.cwd, given);
  }
  const flavor = flavorOf(context.root, path);
  const name =
    flavor === undefined
      ? undefined
      : basename(path).replace(`gateway-${flavor}-`, `gateway-${DEFAULT_FLAVOR}-`);
  const beside = name === undefined ? undefined : join(dirname(path), name);
  if (beside !== undefined && existsSync(beside)) {
    return beside;
  }
  throw invalidArgument('there is no artifact of the default flavor to check the search with', {
    hint: `build one with 'package ${DEFAULT_FLAVOR}' in the same folder, or name one with --control`,
  });
}

const MAX_DETAILS = 20;

function count({ strings, packages, files }: NonNullable<Finding['looked']>): string {
  return files === undefined ? `${strings ?? 0} strings, ${packages ?? 0} packages` : `${files} files`;
}

function describe({ part, expected, outcome, looked, details }: Finding): string[] {
  return [
    `${part.padEnd(12)} ${expected.padEnd(8)} ${outcome}${looked === undefined ? '' : `  (${count(looked)})`}`,
    ...details.slice(0, MAX_DETAILS).map((detail) => `  ${detail}`),
    ...(details.length > MAX_DETAILS ? [`  and ${details.length - MAX_DETAILS} more`] : []),
  ];
}

/** Verifies the parts and packages in an artifact by its contents. */
function verifyParts(
  context: CommandContext,
  artifact: Artifact,
  { present, absent }: Expectation,
): Finding[] {
  const { root } = context;
  const lock = readLock(root);
  const target = opened(artifact);
  const control = absent.length > 0 ? opened(openArtifact(controlPath(context, artifact.path))) : target;
  function evidence(word: string) {
    return evidenceOf(root, lock, word, present);
  }

  const findings = [
    ...present.map((name) => verifyPresent(target, evidence(name))),
    ...absent.map((name) => verifyAbsent(target, control, evidence(name))),
  ];
  const differences = sbomDifferences(artifact);
  if (differences !== undefined) {
    findings.push({
      ...verifyWhole('sbom', differences),
      looked: { strings: 0, packages: target.packages.size },
    });
  }
  return findings;
}

/** Where the manifest's parts differ from the expected ones. */
function disagreements(manifest: Manifest, { present, absent }: Expectation): string[] {
  const listed = wordsOf(manifest);
  return [
    ...present.filter((word) => !listed.includes(word)).map((word) => `it does not list the part ${word}`),
    ...absent.filter((word) => listed.includes(word)).map((word) => `it lists the part ${word}`),
  ];
}

/** One artifact being verified. */
interface Subject {
  readonly path: string;
  readonly kind: ArtifactKind;
  readonly expected: Expectation;
  readonly findings: Finding[];
  /** Set once the artifact has been compared with its manifest. */
  bound?: { readonly manifest: Manifest; readonly entry: ManifestArtifact; readonly file: string };
}

/** Checks the signature, the manifest, then each file; nothing is unpacked or searched before all of it holds. */
function verifyBytes(context: CommandContext, subject: Subject): ReadonlyMap<string, Buffer> | undefined {
  const { path, kind, expected, findings } = subject;
  const named = context.text('manifest');
  const file = named === undefined ? manifestBeside(kind, path) : resolve(context.cwd, named);
  const bytes = readManifestBytes(file);
  if (bytes === undefined) {
    const detail = `there is no manifest ${file}; name it with --manifest, or search only for the markers with --without-manifest`;
    findings.push({ ...verifyWhole('manifest', [detail]), outcome: 'unproven' });
    return undefined;
  }
  const key = context.text('key');
  if (key !== undefined) {
    const { holds, detail } = signatureOf(file, bytes, readPublicKey(resolve(context.cwd, key)));
    findings.push({ ...verifyWhole('signature', [detail]), outcome: holds ? 'holds' : 'violated' });
    if (!holds) {
      return undefined;
    }
  }
  const manifest = parseManifest(bytes);
  const entry = typeof manifest === 'string' ? manifest : entryOf(manifest, path, kind);
  if (typeof manifest === 'string' || typeof entry === 'string') {
    findings.push(verifyWhole('manifest', [`${basename(file)}: ${entry}`]));
    return undefined;
  }
  const { problems, read } = compareFiles(path, kind, entry.files);
  const sbom = join(dirname(path), entry.sbom.path);
  const sbomProblems = existsSync(sbom)
    ? compareFiles(sbom, 'bundle', [entry.sbom]).problems
    : [`${entry.sbom.path} is missing`];
  findings.push(
    verifyWhole('manifest', disagreements(manifest, expected)),
    verifyWhole('files', [...problems, ...sbomProblems], entry.files.length + 1),
  );
  subject.bound = { manifest, entry, file };
  return problems.length + sbomProblems.length === 0 ? read : undefined;
}

function verifyOne(context: CommandContext, path: string): Subject {
  const subject: Subject = {
    path,
    kind: artifactKind(path),
    expected: expectation(context, path),
    findings: [],
  };
  if (context.flag('without-manifest')) {
    subject.findings.push(...verifyParts(context, openArtifact(path), subject.expected));
    return subject;
  }
  const read = verifyBytes(context, subject);
  if (read !== undefined) {
    subject.findings.push(...verifyParts(context, unpack(path, subject.kind, read), subject.expected));
  }
  return subject;
}

/** Rebuilds what the manifests describe, once for each, and compares. */
async function verifyRebuilt(context: CommandContext, subjects: readonly Subject[]): Promise<void> {
  const source = resolve(context.cwd, context.text('source') ?? context.root);
  const files = new Set(subjects.flatMap(({ bound }) => bound?.file ?? []));
  for (const file of files) {
    const ours = subjects.filter(({ bound }) => bound?.file === file);
    const manifest = ours[0]?.bound?.manifest as Manifest;
    const kinds = [...new Set(ours.map(({ kind }) => kind))];
    let rebuilt: Rebuilt;
    try {
      rebuilt = await rebuild(source, manifest, kinds, context.progress);
    } catch (thrown) {
      const details = [OpenShellError.from(thrown).text];
      for (const { findings } of ours) {
        findings.push({ ...verifyWhole('rebuild', details), outcome: 'unproven' });
      }
      continue;
    }
    try {
      for (const { path, bound, findings } of ours) {
        const entry = bound?.entry as ManifestArtifact;
        const details = rebuiltDifferences(path, manifest, entry, rebuilt);
        findings.push(verifyWhole('rebuild', details, entry.files.length));
      }
    } finally {
      rebuilt.dispose();
    }
  }
}

/** Rejects incompatible options before anything is read. */
function checkOptions({ flag, positionals }: CommandContext): void {
  if (positionals.length === 0) {
    throw invalidArgument('name an artifact to verify');
  }
  const needsManifest = ['manifest', 'key', 'rebuild', 'source'].find(flag);
  if (flag('without-manifest') && needsManifest !== undefined) {
    throw invalidArgument(`--${needsManifest} needs the manifest, but --without-manifest ignores it`);
  }
  if (flag('source') && !flag('rebuild')) {
    throw invalidArgument('--source is the checkout that --rebuild builds from', { hint: 'add --rebuild' });
  }
}

const UNPROVEN = 3;

export const verify: Command = {
  name: 'verify',
  usage: `ARTIFACT... [--key FILE] [--rebuild [--source CHECKOUT]] [--manifest FILE|--without-manifest] [--present A,B] [--absent C] [--${TELEMETRY} present|absent] [--control ARTIFACT] [--json]`,
  doc: 'Verify artifacts against their manifest and their parts: 0 verified, 1 violated, 3 not provable.',
  texts: ['present', 'absent', 'telemetry', 'control', 'manifest', 'key', 'source'],
  flags: ['without-manifest', 'rebuild', 'json'],
  async run(context) {
    checkOptions(context);
    const subjects = context.positionals.map((name) => verifyOne(context, resolve(context.cwd, name)));
    if (context.flag('rebuild')) {
      await verifyRebuilt(context, subjects);
    }
    const results = subjects.map(({ kind, findings }, index) => ({
      artifact: context.positionals[index] as string,
      kind,
      findings,
    }));
    if (context.flag('json')) {
      context.print(JSON.stringify({ results }, null, 2));
    } else {
      for (const { artifact, kind, findings } of results) {
        context.print(`${artifact} (${kind})`);
        for (const line of findings.flatMap(describe)) {
          context.print(`  ${line}`);
        }
      }
    }
    if (!['key', 'rebuild', 'without-manifest'].some(context.flag)) {
      context.progress(
        'compared with the manifest; use --key or --rebuild to verify where the manifest is from',
      );
    }
    const outcomes = results.flatMap(({ findings }) => findings.map(({ outcome }) => outcome));
    if (outcomes.includes('violated')) {
      return 1;
    }
    return outcomes.includes('unproven') ? UNPROVEN : 0;
  },
};
