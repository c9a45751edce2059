import { Code, OpenShellError } from '../compute/errors.js';
import type { LogFields } from '../compute/log.js';

interface ShowOptions {
  /** Whether to show causes of errors, which may contain details that clients must not see. */
  readonly withCause: boolean;
}

const SECRET = /authorization|token|password|secret|credential|private_?key/i;
const MASK = '***';
/** Deeper values are cut, also because a value may contain itself. */
const MAX_DEPTH = 4;

/** Fields for output: JSON values only, secrets masked at every depth, errors as text with their code. */
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
    return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
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

/** The name of our code, or the Node.js code of a system error. */
function errorCode(error: Error): string | undefined {
  if (error instanceof OpenShellError) {
    return Object.entries(Code).find(([, value]) => value === error.code)?.[0];
  }
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : undefined;
}
