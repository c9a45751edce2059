import type { Arguments } from '../../kit/arguments/parse.js';
import { usageError } from '../failure.js';

const SECOND_MS = 1000;
const AGE_UNITS_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
};

/** `k=v` pairs as a record; the last one wins. An empty value is allowed, an empty key is not. */
export function readPairs(option: string, pairs: readonly string[]): Record<string, string> {
  return readEntries(option, pairs, (key) => {
    throw usageError(`${option} is '${key}'`, `write ${option} KEY=VALUE`);
  });
}

/** Like readPairs; a key alone takes its value from `env`. */
export function readEnvironment(
  option: string,
  pairs: readonly string[],
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  return readEntries(option, pairs, (key) => {
    const value = env[key];
    if (value === undefined) {
      throw usageError(`${option} ${key}: it is not set here`, `write ${option} ${key}=VALUE`);
    }
    return value;
  });
}

function readEntries(
  option: string,
  pairs: readonly string[],
  withoutValue: (key: string) => string,
): Record<string, string> {
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at === 0 || pair === '') {
      throw usageError(`${option} '${pair}' has no key`);
    }
    return at === -1 ? [pair, withoutValue(pair)] : [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}

/** A whole number in plain decimal digits, or undefined when the option was not given. */
export function readCount(
  option: string,
  text: string | undefined,
  range: { readonly min: number; readonly max: number },
): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= range.min && count <= range.max)) {
    throw usageError(`${option} is '${text}'`, `a whole number from ${range.min} to ${range.max}`);
  }
  return count;
}

/** `30s`, `5m`, `2h` or `1d` in milliseconds. */
export function readAgeMs(option: string, text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unitMs = AGE_UNITS_MS[unit ?? ''];
  if (count === undefined || unitMs === undefined) {
    throw usageError(`${option} is '${text}'`, 'a number and a unit, e.g. 30s, 5m, 2h, 1d');
  }
  return Number(count) * unitMs;
}

/** A JSON object, as `--driver-config-json` takes it. */
export function readJsonObject(option: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(`${option} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw usageError(`${option} is no JSON object`, 'its keys are drivers, e.g. {"docker":{}}');
  }
  return value as Record<string, unknown>;
}

/** `--x` and `--no-x` given together contradict each other. */
export function readSwitch(name: string, on: boolean, off: boolean): boolean {
  if (on && off) {
    throw usageError(`--${name} and --no-${name} contradict each other`);
  }
  return on;
}

const MAX_PAGE = 1000;
const MAX_OFFSET = 2 ** 32 - 1;

/** `--limit` and `--offset` as the list requests carry them; 0 leaves the choice to the gateway. */
export function readPage(args: Arguments): { limit: number; offset: number } {
  return {
    limit: readCount('--limit', args.text('limit'), { min: 1, max: MAX_PAGE }) ?? 0,
    offset: readCount('--offset', args.text('offset'), { min: 0, max: MAX_OFFSET }) ?? 0,
  };
}
