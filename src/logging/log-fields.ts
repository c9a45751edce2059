import { Code, OpenShellError } from '../compute/errors.js';
import type { LogFields } from '../compute/log.js';

interface ShowOptions {
  /** Whether an error's cause shows: it may tell more than a client may know. */
  readonly withCause: boolean;
}

const SECRET = /authorization|token|password|secret|credential|private_?key/i;
const MASK = '***';
/** Deeper values are left out, so that a value that contains itself ends. */
const MAX_DEPTH = 4;

/** Fields as they may be written: JSON values alone, secrets masked at every depth, errors as text with their code. */
export function showFields(fields: LogFields, options: ShowOptions): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) {
      continue;
    }
    if (SECRET.test(key)) {
      shown[key] = MASK;
    } else if (value instanceof Error) {
      Object.assign(shown, showError(key, value, options));
    } else {
      shown[key] = showValue(value, 1);
    }
  }
  return shown;
}

function showValue(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') {
    return value;
  }
  if (typeof value !== 'object') {
    return String(value);
  }
  if (value instanceof Error) {
    return errorText(value);
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString();
  }
  if (ArrayBuffer.isView(value)) {
    return `<${value.byteLength} bytes>`;
  }
  if (depth >= MAX_DEPTH) {
    return '...';
  }
  if (Array.isArray(value)) {
    return value.map((item) => showValue(item, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, SECRET.test(key) ? MASK : showValue(item, depth + 1)]),
  );
}

function showError(key: string, error: Error, options: ShowOptions): Record<string, unknown> {
  const shown: Record<string, unknown> = { [key]: errorText(error) };
  const code = errorCode(error);
  if (code !== undefined) {
    shown[`${key}_code`] = code;
  }
  if (options.withCause && error.cause instanceof Error) {
    shown[`${key}_cause`] = errorText(error.cause);
  }
  return shown;
}

function errorText(error: Error): string {
  return error instanceof OpenShellError ? error.text : `${error.name}: ${error.message}`;
}

/** The name of one of our codes, or the code that Node gave a system error. */
function errorCode(error: Error): string | undefined {
  if (error instanceof OpenShellError) {
    return Object.entries(Code).find(([, value]) => value === error.code)?.[0];
  }
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : undefined;
}
