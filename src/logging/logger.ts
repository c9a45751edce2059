import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../compute/log.js';
import { showFields } from './log-fields.js';

export interface LoggerOptions {
  /** The lowest level that is written. */
  readonly level: LogLevel;
  readonly write: (text: string) => void;
  /** Readable lines for a terminal; otherwise JSON lines. */
  readonly readable: boolean;
  /** Called for every line with a `sandbox_id` field, at level debug or above. */
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

/** Writes lines without secrets: suspicious fields are masked, causes of errors appear at debug level only. */
export function createLogger(options: LoggerOptions): Logger {
  const { write, readable, onSandboxLine } = options;
  const now = options.now ?? Date.now;
  const limit = LOG_LEVELS.indexOf(options.level);

  function log(level: LogLevel, message: string, fields: LogFields): void {
    const wanted = LOG_LEVELS.indexOf(level) <= limit;
    const sandboxId = fields.sandbox_id;
    const forSandbox = typeof sandboxId === 'string' && onSandboxLine !== undefined;
    if (!wanted && !forSandbox) {
      return;
    }
    const timeMs = now();
    if (wanted) {
      const shown = showFields(fields, { withCause: limit >= LOG_LEVELS.indexOf('debug') });
      write(
        readable
          ? readableLine(timeMs, level, message, withoutEcho(message, shown))
          : jsonLine(timeMs, level, message, shown),
      );
    }
    if (forSandbox) {
      const { sandbox_id: _, ...rest } = fields;
      // This line is for clients: no causes, whatever the operator's level.
      const shown = Object.entries(withoutEcho(message, showFields(rest, { withCause: false })));
      const texts = Object.fromEntries(shown.map(([key, value]) => [key, asText(value)]));
      onSandboxLine({ sandboxId, timeMs, level, message, fields: texts });
    }
  }

  function make(base: LogFields): Logger {
    return {
      level: options.level,
      debug: (message, fields) => log('debug', message, { ...base, ...fields }),
      info: (message, fields) => log('info', message, { ...base, ...fields }),
      warn: (message, fields) => log('warn', message, { ...base, ...fields }),
      error: (message, fields) => log('error', message, { ...base, ...fields }),
      child: (fields) => make({ ...base, ...fields }),
    };
  }

  return make({});
}

/** Without an error that is already in the message. */
function withoutEcho(message: string, fields: Record<string, unknown>): Record<string, unknown> {
  const { error, ...rest } = fields;
  return typeof error === 'string' && message.includes(error) ? rest : fields;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}

function jsonLine(timeMs: number, level: LogLevel, message: string, fields: Record<string, unknown>): string {
  const own = { time: new Date(timeMs).toISOString(), level, message };
  // Spread twice: to come first, and not to be replaced by fields of the same name.
  return `${JSON.stringify({ ...own, ...fields, ...own })}\n`;
}

function readableLine(
  timeMs: number,
  level: LogLevel,
  message: string,
  fields: Record<string, unknown>,
): string {
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${oneLine(asText(value))}`);
  return `${new Date(timeMs).toISOString().slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${oneLine(message)}${rest.join('')}\n`;
}

/** Escapes control characters, with which a logged value could control the terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
