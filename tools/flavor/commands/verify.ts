import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { invalidArgument } from '../../../dist/compute/errors.js';
import { nearest } from '../../../dist/compute/nearest.js';
import { VERSION } from '../../../dist/compute/version.js';
import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import { DEFAULT_FLAVOR } from '../choose/flavor-spec.js';
import { type Command, type CommandContext, listOption, textOption } from '../command.js';
import { readLock } from '../lock-file.js';
import { type Artifact, openArtifact } from '../prove/artifact.js';
import { driverEvidence, searchable, TELEMETRY, telemetryEvidence } from '../prove/markers.js';
import { type Finding, opened, verifyAbsent, verifyPresent } from '../prove/verify.js';
import { sbomDifferences } from '../prove/verify-sbom.js';

interface Expectation {
  readonly present: readonly string[];
  readonly absent: readonly string[];
  readonly telemetry: 'present' | 'absent' | undefined;
}

/** The flavor that an artifact's name says, e.g. openshell-gateway-docker-0.1.0.tgz. */
const flavorOf = (root: string, path: string): string | undefined =>
  flavorNames(root).find((name) => basename(path).startsWith(`openshell-gateway-${name}-${VERSION}`));

/** What the options say, else what the flavor in the artifact's name holds. */
const expectation = (context: CommandContext, path: string): Expectation => {
  const known = searchable(context.root);
  const present = listOption(context, 'present');
  const absent = listOption(context, 'absent');
  const telemetry = textOption(context, 'telemetry');
  for (const name of [...present, ...absent]) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    throw invalidArgument(`there is no driver '${name}' to look for`, {
      hint: meant === undefined ? `known here: ${known.join(', ')}` : `did you mean '${meant}'?`,
    });
  }
  if (telemetry !== undefined && telemetry !== 'present' && telemetry !== 'absent') {
    throw invalidArgument(`--telemetry is present or absent, not '${telemetry}'`);
  }
  if (present.length > 0 || absent.length > 0 || telemetry !== undefined)
    return { present, absent, telemetry };
  const flavor = flavorOf(context.root, path);
  if (flavor === undefined) {
    throw invalidArgument(`the name ${basename(path)} does not say which flavor it is`, {
      hint: 'say what to expect with --present, --absent and --telemetry',
    });
  }
  const spec = specOf(readFlavor(context.root, flavor));
  return {
    present: spec.drivers,
    absent: known.filter((name) => !spec.drivers.includes(name)),
    telemetry: spec.telemetry ? 'present' : 'absent',
  };
};

/** The default flavor's artifact that the search is tried on first: named, or of the same kind in the same folder. */
const controlPath = (context: CommandContext, path: string): string => {
  const given = textOption(context, 'control');
  if (given !== undefined) return resolve(context.cwd, given);
  const flavor = flavorOf(context.root, path);
  const name =
    flavor === undefined
      ? undefined
      : basename(path).replace(`gateway-${flavor}-`, `gateway-${DEFAULT_FLAVOR}-`);
  const beside = name === undefined ? undefined : join(dirname(path), name);
  if (beside !== undefined && existsSync(beside)) return beside;
  throw invalidArgument('there is no artifact of the default flavor to try the search on', {
    hint: `make one with 'package ${DEFAULT_FLAVOR}' in the same folder, or name one with --control`,
  });
};

const describe = ({ part, expected, outcome, looked, details }: Finding): string[] => [
  `${part.padEnd(12)} ${expected.padEnd(8)} ${outcome}  (${looked.strings} strings, ${looked.packages} packages)`,
  ...details.map((detail) => `  ${detail}`),
];

const verifyAll = (context: CommandContext, artifact: Artifact): Finding[] => {
  const { root } = context;
  const lock = readLock(root);
  const { present, absent, telemetry } = expectation(context, artifact.path);
  const target = opened(artifact);
  const control =
    absent.length > 0 || telemetry === 'absent'
      ? opened(openArtifact(controlPath(context, artifact.path)))
      : target;
  const evidence = (name: string) => driverEvidence(root, lock, name, present);
  const findings = [
    ...present.map((name) => verifyPresent(target, evidence(name))),
    ...absent.map((name) => verifyAbsent(target, control, evidence(name))),
  ];
  if (telemetry === 'present') findings.push(verifyPresent(target, telemetryEvidence(root)));
  if (telemetry === 'absent') findings.push(verifyAbsent(target, control, telemetryEvidence(root)));
  const differences = sbomDifferences(artifact);
  if (differences !== undefined) {
    const outcome = differences.length === 0 ? 'holds' : 'violated';
    findings.push({
      part: 'sbom',
      expected: 'present',
      outcome,
      looked: { strings: 0, packages: target.packages.size },
      details: differences,
    });
  }
  return findings;
};

const UNPROVEN = 3;

export const verify: Command = {
  name: 'verify',
  usage: `ARTIFACT... [--present A,B] [--absent C] [--${TELEMETRY} present|absent] [--control ARTIFACT] [--json]`,
  doc: 'Prove what is in artifacts and what is not: 0 holds, 1 does not, 3 cannot be proven.',
  options: {
    present: { type: 'string' },
    absent: { type: 'string' },
    telemetry: { type: 'string' },
    control: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run(context) {
    if (context.positionals.length === 0) throw invalidArgument('name an artifact to look into');
    const results = context.positionals.map((name) => {
      const artifact = openArtifact(resolve(context.cwd, name));
      return { artifact: name, kind: artifact.kind, findings: verifyAll(context, artifact) };
    });
    if (context.options.json === true) context.print(JSON.stringify({ results }, null, 2));
    else {
      for (const { artifact, kind, findings } of results) {
        context.print(`${artifact} (${kind})`);
        for (const line of findings.flatMap(describe)) context.print(`  ${line}`);
      }
    }
    const outcomes = results.flatMap(({ findings }) => findings.map(({ outcome }) => outcome));
    if (outcomes.includes('unproven')) return UNPROVEN;
    return outcomes.includes('violated') ? 1 : 0;
  },
};
