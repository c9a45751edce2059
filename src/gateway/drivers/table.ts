import { KNOWN_PARTS, wordOf } from '../../compute/known-parts.js';
import { commandFor } from '../../compute/parts.js';
import { type Flavor, partsOf } from '../../flavor/flavor.js';
import type { DriverReport } from './selection.js';

/** A part other than a driver, in the build or not. */
interface PartReport {
  readonly kind: string;
  readonly name: string;
  /** Its name in commands. */
  readonly word: string;
  readonly state: 'ready' | 'absent';
  /** The command that builds a gateway with it; empty when it is in this build. */
  readonly command: string;
}

/** Every part, known or in the build, other than drivers. */
export function reportParts(flavor: Flavor): PartReport[] {
  const others = partsOf(flavor).filter(({ kind }) => kind !== 'driver');
  const present = new Set(others.map(wordOf));
  const absent = KNOWN_PARTS.filter((part) => part.kind !== 'driver' && !present.has(wordOf(part)));
  return [
    ...others.map((part) => ({ part, state: 'ready' as const, command: '' })),
    ...absent.map((part) => ({ part, state: 'absent' as const, command: commandFor(part, flavor.name) })),
  ].map(({ part: { kind, name }, ...rest }) => ({ kind, name, ...rest, word: wordOf({ kind, name }) }));
}

/** One part in the output of `openshell-gateway drivers --json`. */
export function partToJson({ kind, name, state, command }: PartReport) {
  return { kind, name, state, command };
}

/** The parts as a table for people, below the drivers. */
export function partsText(reports: readonly PartReport[]): string {
  const width = Math.max(...reports.map(({ word }) => word.length));
  return reports
    .flatMap(({ word, state, command }) => [
      `${word.padEnd(width)}  ${state}`,
      ...(command === '' ? [] : [`${' '.repeat(width + 2)}get it with: ${command}`]),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

/** One driver in the output of `openshell-gateway drivers --json`. */
export function driverToJson(report: DriverReport) {
  return {
    name: report.name,
    state: report.state,
    reason: report.reason,
    engine_version: report.engineVersion,
    endpoint: report.endpoint,
    external: report.external,
    warnings: report.warnings,
    tried: report.tried,
    command: report.command,
  };
}

/** The drivers as a table for people: one line each, with notes below it. */
export function driversText(reports: readonly DriverReport[]): string {
  const width = Math.max(...reports.map(({ name }) => name.length));
  return reports
    .flatMap((report) => {
      const kind = report.external ? 'external' : report.engineVersion && `engine ${report.engineVersion}`;
      const facts = [report.reason, kind, report.endpoint && `at ${report.endpoint}`]
        .filter(Boolean)
        .join(', ');
      const below = [
        ...report.tried.map((place) => `tried ${place}`),
        ...report.warnings.map((warning) => `note: ${warning}`),
        ...(report.command === '' ? [] : [`get it with: ${report.command}`]),
      ];
      return [
        `${report.name.padEnd(width)}  ${report.state.padEnd(11)}  ${facts}`.trimEnd(),
        ...below.map((line) => `${' '.repeat(width + 2)}${line}`),
      ];
    })
    .join('\n')
    .concat('\n');
}
