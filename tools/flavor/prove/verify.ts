import { type Artifact, holds, packagesIn } from './artifact.js';
import type { Evidence } from './markers.js';

export interface Finding {
  /** A part, or another thing that was compared: `signature`, `manifest`, `files`, `rebuild`, `sbom`. */
  readonly part: string;
  readonly expected: 'present' | 'absent';
  /** `unproven`: the search itself is not reliable, e.g. the control lacks a marker. */
  readonly outcome: 'holds' | 'violated' | 'unproven';
  /** How many strings and packages were searched for, or files compared. */
  readonly looked?: { readonly strings?: number; readonly packages?: number; readonly files?: number };
  /** What was found but should be absent, what is missing, or what the control lacks. */
  readonly details: readonly string[];
}

interface Opened {
  readonly artifact: Artifact;
  readonly packages: ReadonlyMap<string, string>;
}

export function opened(artifact: Artifact): Opened {
  return { artifact, packages: packagesIn(artifact) };
}

/** A finding for something compared as a whole, with the differences. */
export function verifyWhole(part: string, details: readonly string[], files?: number): Finding {
  return {
    part,
    expected: 'present',
    outcome: details.length === 0 ? 'holds' : 'violated',
    ...(files === undefined ? {} : { looked: { files } }),
    details,
  };
}

function lookedFor({ strings, packages }: Evidence) {
  return {
    strings: strings.length,
    packages: packages.length,
  };
}

function hits({ artifact, packages }: Opened, evidence: Evidence, found: boolean): string[] {
  return [
    ...evidence.strings.filter((text) => holds(artifact, text) === found).map((text) => `string '${text}'`),
    ...evidence.packages.filter((place) => packages.has(place) === found).map((place) => `package ${place}`),
  ];
}

/** The part is in the artifact, with each of its strings. */
export function verifyPresent(target: Opened, evidence: Evidence): Finding {
  const details = hits(target, { ...evidence, packages: [] }, false).map((what) => `missing: ${what}`);
  const outcome = details.length === 0 ? 'holds' : 'violated';
  return { part: evidence.part, expected: 'present', outcome, looked: lookedFor(evidence), details };
}

/**
 * Nothing of the part is in the artifact. The same search must find all of it in the control, an artifact with every
 * part: a stale marker would otherwise prove anything.
 */
export function verifyAbsent(target: Opened, control: Opened, evidence: Evidence): Finding {
  const base = { part: evidence.part, expected: 'absent', looked: lookedFor(evidence) } as const;
  // A bundle omits packages whose code is unreachable: only those it contains can serve as a control.
  const reachable = evidence.packages.filter((place) => control.packages.has(place));
  const stale = hits(control, { ...evidence, packages: reachable }, false);
  if (evidence.packages.length > 0 && reachable.length === 0) {
    stale.push('every package that only it needs');
  }
  if (stale.length > 0) {
    const details = stale.map((what) => `not in the control ${control.artifact.path}: ${what}`);
    return { ...base, outcome: 'unproven', details };
  }
  const unwanted = { ...evidence, packages: [...evidence.packages, ...evidence.dispensable] };
  const details = hits(target, unwanted, true).map((what) => `found: ${what}`);
  return { ...base, outcome: details.length === 0 ? 'holds' : 'violated', details };
}
