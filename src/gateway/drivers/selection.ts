import type { DriverEntry, DriverSettings, ProbeResult } from '../../compute/entry.js';
import { failedPrecondition, invalidArgument, OpenShellError, unavailable } from '../../compute/errors.js';
import { KNOWN_DRIVERS } from '../../compute/known-parts.js';
import type { Flavor } from '../../flavor/flavor.js';
import { deadline } from '../../kit/deadline.js';
import { nearest } from '../../kit/nearest.js';
import type { DriverState } from './managed.js';

/** One driver, selected or not. */
export interface DriverReport {
  readonly name: string;
  readonly state: DriverState;
  /** Why it is not ready. Empty when ready. */
  readonly reason: string;
  readonly engineVersion: string;
  readonly endpoint: string;
  readonly external: boolean;
  readonly warnings: readonly string[];
  /** The places that the probe tried, with the outcome of each. */
  readonly tried: readonly string[];
  /** The command that builds a gateway with it; empty when it is in this build. */
  readonly command: string;
}

export interface SelectedDriver {
  readonly name: string;
  /** Undefined for a driver in another process. */
  readonly entry: DriverEntry | undefined;
  /** The engine's address, or an external driver's gRPC socket. */
  readonly endpoint: string;
  readonly report: DriverReport;
}

export interface SelectionOptions {
  readonly flavor: Flavor;
  /** Empty: auto-detect. */
  readonly configured: readonly string[];
  readonly settings: (name: string) => DriverSettings;
  /** The gRPC sockets of external drivers, by name. */
  readonly external: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const PROBE_TIMEOUT_MS = 10_000;

function entryOf(flavor: Flavor, name: string) {
  return flavor.drivers.find((entry) => entry.name === name);
}

function namesIn(flavor: Flavor): string {
  return flavor.drivers.map((entry) => entry.name).join(', ');
}

async function probe(
  entry: DriverEntry,
  options: Omit<SelectionOptions, 'configured'>,
): Promise<ProbeResult> {
  const signal = deadline(PROBE_TIMEOUT_MS, options.signal);
  try {
    return await entry.probe({ settings: options.settings(entry.name), env: options.env, signal });
  } catch (error) {
    options.signal.throwIfAborted();
    const reason = signal.aborted
      ? `no answer within ${PROBE_TIMEOUT_MS / 1000} s`
      : OpenShellError.from(error).text;
    return { state: 'unavailable', reason };
  }
}

const EMPTY = { reason: '', engineVersion: '', endpoint: '', command: '' };

function toReport(
  name: string,
  {
    warnings = [],
    tried = [],
    ...result
  }: ProbeResult & { warnings?: readonly string[]; tried?: readonly string[] },
  external = false,
): DriverReport {
  return { ...EMPTY, ...result, name, external, warnings, tried };
}

function externalReport(name: string, endpoint: string): DriverReport {
  return toReport(name, { state: 'ready', engineVersion: '', endpoint }, true);
}

/** Every known driver, every driver of the build and every external one; those of the build are probed. */
export async function reportDrivers(options: Omit<SelectionOptions, 'configured'>): Promise<DriverReport[]> {
  const { flavor, external } = options;
  const names = new Set([
    ...KNOWN_DRIVERS.map((known) => known.name),
    ...flavor.drivers.map((entry) => entry.name),
    ...external.keys(),
  ]);
  return Promise.all(
    [...names].map(async (name) => {
      const socket = external.get(name);
      if (socket !== undefined) {
        return externalReport(name, socket);
      }
      const entry = entryOf(flavor, name);
      if (entry !== undefined) {
        return toReport(name, await probe(entry, options));
      }
      const command = KNOWN_DRIVERS.find((known) => known.name === name)?.command ?? '';
      return {
        ...toReport(name, { state: 'unavailable', reason: `not in this build (flavor '${flavor.name}')` }),
        state: 'absent' as const,
        command,
      };
    }),
  );
}

/** @throws OpenShellError `DriverNotInBuild` or `DriverUnknown` for a driver that is neither built in nor external */
export function assertInBuild({ configured, external, flavor }: SelectionOptions): void {
  for (const name of configured) {
    if (!external.has(name) && entryOf(flavor, name) === undefined) {
      throw notInBuild(name, flavor);
    }
  }
}

/** The configured drivers, which must all be ready, or else the first that auto-detection finds. */
export async function selectDrivers(options: SelectionOptions): Promise<SelectedDriver[]> {
  return options.configured.length > 0
    ? Promise.all(options.configured.map((name) => selectConfigured(name, options)))
    : [await detect(options)];
}

async function selectConfigured(name: string, options: SelectionOptions): Promise<SelectedDriver> {
  const socket = options.external.get(name);
  if (socket !== undefined) {
    return { name, entry: undefined, endpoint: socket, report: externalReport(name, socket) };
  }
  const entry = entryOf(options.flavor, name);
  if (entry === undefined) {
    throw notInBuild(name, options.flavor);
  }
  const result = await probe(entry, options);
  if (result.state === 'ready') {
    return { name, entry, endpoint: result.endpoint, report: toReport(name, result) };
  }
  throw unavailable(`the driver '${name}' is configured but cannot be used on this host: ${result.reason}`, {
    reason: 'DriverUnavailable',
    hint: result.tried && `tried ${result.tried.join('; ')}`,
  });
}

/** The error for a driver that the build lacks: a known one that was left out, or no driver at all. */
function notInBuild(name: string, flavor: Flavor): OpenShellError {
  const known = KNOWN_DRIVERS.find((candidate) => candidate.name === name);
  const build = `this build is the flavor '${flavor.name}' with: ${namesIn(flavor)}`;
  if (known !== undefined) {
    return failedPrecondition(`the driver '${name}' is configured but not in this build; ${build}`, {
      reason: 'DriverNotInBuild',
      hint: `build a gateway with it: '${known.command}' (or 'npm run build' for all drivers)`,
    });
  }
  const meant =
    KNOWN_DRIVERS.find((candidate) => candidate.flavor === name)?.name ??
    nearest(name, [...KNOWN_DRIVERS.map((k) => k.name), ...flavor.drivers.map((entry) => entry.name)]);
  return invalidArgument(`there is no driver '${name}'; ${build}`, {
    reason: 'DriverUnknown',
    hint:
      meant === undefined
        ? `for a driver in another process, set socket_path under [openshell.drivers.${name}]`
        : `did you mean '${meant}'?`,
  });
}

async function detect(options: SelectionOptions): Promise<SelectedDriver> {
  const { flavor } = options;
  const ordered = KNOWN_DRIVERS.map((known) => known.name);
  const candidates = [
    ...ordered.map((name) => entryOf(flavor, name)),
    ...flavor.drivers.filter((entry) => !ordered.includes(entry.name)),
  ].filter((entry) => entry?.autoDetect === true) as DriverEntry[];
  const outcomes: string[] = [];
  for (const entry of candidates) {
    const result = await probe(entry, options);
    if (result.state === 'ready') {
      return { name: entry.name, entry, endpoint: result.endpoint, report: toReport(entry.name, result) };
    }
    outcomes.push(`${entry.name}: ${result.reason}`);
  }
  const manual = flavor.drivers.filter((entry) => !entry.autoDetect).map((entry) => entry.name);
  outcomes.push(...manual.map((name) => `${name}: only when asked for (--drivers ${name})`));
  const absent = ordered.filter((name) => entryOf(flavor, name) === undefined);
  outcomes.push(...absent.map((name) => `${name}: not in this build`));
  throw unavailable(`no compute driver configured, and none found on this host (${outcomes.join('; ')})`, {
    reason: 'NoDriverFound',
    hint: 'start an engine, or name a driver with --drivers <name> or OPENSHELL_DRIVERS=<name>',
  });
}
