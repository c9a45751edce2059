import { OpenShellError } from '../compute/errors.js';
import type { LogFields, Logger } from '../compute/log.js';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** The least important level that is written. */
  readonly level: LogLevel;
  readonly write: (text: string) => void;
  /** Readable lines for a terminal, JSON lines for anything else. */
  readonly readable: boolean;
  /** Sees every line that has a `sandbox_id` field, of level debug and up. */
  readonly onSandboxLine?: (line: SandboxLine) => void;
  readonly now?: () => number;
}

export interface SandboxLine {
  readonly sandboxId: string;
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

const SECRET = /authorization|token|password|secret|credential|private_key/i;
const MASK = '***';

export const createLogger = (options: LoggerOptions): Logger => {
  const { write, readable, onSandboxLine } = options;
  const now = options.now ?? Date.now;
  const limit = LOG_LEVELS.indexOf(options.level);

  const log = (level: LogLevel, message: string, fields: LogFields): void => {
    const wanted = LOG_LEVELS.indexOf(level) <= limit;
    const sandboxId = fields.sandbox_id;
    const forSandbox = typeof sandboxId === 'string' && onSandboxLine !== undefined;
    if (!wanted && !forSandbox) return;
    const timeMs = now();
    const shown = show(fields, limit >= LOG_LEVELS.indexOf('debug'));
    if (wanted)
      write(readable ? person(timeMs, level, message, shown) : program(timeMs, level, message, shown));
    if (forSandbox) {
      const { sandbox_id: _, ...rest } = shown;
      const texts = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, asText(value)]));
      onSandboxLine({ sandboxId, timeMs, level, message, fields: texts });
    }
  };

  const make = (base: LogFields): Logger => ({
    debug: (message, fields) => log('debug', message, { ...base, ...fields }),
    info: (message, fields) => log('info', message, { ...base, ...fields }),
    warn: (message, fields) => log('warn', message, { ...base, ...fields }),
    error: (message, fields) => log('error', message, { ...base, ...fields }),
    child: (fields) => make({ ...base, ...fields }),
  });
  return make({});
};

/** Fields as they may be written: secrets masked, errors as text. An error's cause shows at debug level only. */
const show = (fields: LogFields, withCause: boolean): Record<string, unknown> => {
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (SECRET.test(key)) shown[key] = MASK;
    else if (value instanceof Error) Object.assign(shown, showError(key, value, withCause));
    else shown[key] = value;
  }
  return shown;
};

const showError = (key: string, error: Error, withCause: boolean): Record<string, unknown> => ({
  [key]: error instanceof OpenShellError ? error.text : `${error.name}: ${error.message}`,
  ...(withCause && error.cause instanceof Error
    ? { [`${key}_cause`]: `${error.cause.name}: ${error.cause.message}` }
    : {}),
});

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));

const program = (timeMs: number, level: LogLevel, message: string, fields: Record<string, unknown>): string =>
  `${JSON.stringify({ time: new Date(timeMs).toISOString(), level, message, ...fields })}\n`;

const person = (
  timeMs: number,
  level: LogLevel,
  message: string,
  fields: Record<string, unknown>,
): string => {
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${oneLine(asText(value))}`);
  return `${new Date(timeMs).toISOString().slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${oneLine(message)}${rest.join('')}\n`;
};

/** Control characters would let a logged value write to the terminal. */
const oneLine = (text: string): string =>
  text.replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
