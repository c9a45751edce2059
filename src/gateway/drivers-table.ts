import { KNOWN_PARTS, wordOf } from '../compute/known-parts.js';
import { commandFor } from '../compute/parts.js';
import { type Flavor, partsOf } from '../flavor/flavor.js';
import type { DriverReport } from './drivers/selection.js';

/** A part that is no driver, in the build or not. */
interface PartReport {
  readonly kind: string;
  readonly name: string;
  /** How commands call it. */
  readonly word: string;
  readonly state: 'ready' | 'absent';
  /** The command that builds a gateway with it; empty when it is in this build. */
  readonly command: string;
}

/** Every known part and every part of the build that is no driver. */
export function reportParts(flavor: Flavor): PartReport[] {
  const others = partsOf(flavor).filter(({ kind }) => kind !== 'driver');
  const present = new Set(others.map(wordOf));
  const absent = KNOWN_PARTS.filter((part) => part.kind !== 'driver' && !present.has(wordOf(part)));
  return [
    ...others.map(({ kind, name }) => ({ kind, name, state: 'ready' as const, command: '' })),
    ...absent.map(({ kind, name }) => ({
      ...{ kind, name, state: 'absent' as const },
      command: commandFor({ kind, name }, flavor.name),
    })),
  ].map((part) => ({ ...part, word: wordOf(part) }));
}

/** What `openshell-gateway drivers --json` prints for one of them. */
export function partToJson({ kind, name, state, command }: PartReport) {
  return { kind, name, state, command };
}

/** The parts for a person, below the drivers. */
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

/** What `openshell-gateway drivers --json` prints for one driver. */
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

/** The drivers for a person: one line each, and below it what to know or do. */
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
