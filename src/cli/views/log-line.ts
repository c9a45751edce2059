import { type SandboxLogLine, SandboxLogLineSchema } from '../../wire/v00/index.js';
import { plain } from '../output/plain.js';
import { printable, printableJson } from '../output/printable.js';

const LEVEL_WIDTH = 5;

/** `TIME LEVEL [source] message key=value`, with a newline. What a sandbox printed cannot steer the terminal. */
export function logLine({ timestampMs, level, source, target, message, fields }: SandboxLogLine): string {
  const origin = source === 'sandbox' && target !== '' ? `${source} ${target}` : source;
  const extra = Object.entries(fields).map(([key, value]) => `${key}=${value}`);
  const words = [timeOf(timestampMs), level.padEnd(LEVEL_WIDTH), `[${origin}]`, message, ...extra];
  return `${printable(words.join(' '))}\n`;
}

/** One JSON object in one line, with a newline. */
export function logJson(line: SandboxLogLine): string {
  return `${printableJson(plain(SandboxLogLineSchema, line))}\n`;
}

function timeOf(timestampMs: bigint): string {
  const date = new Date(Number(timestampMs));
  return Number.isNaN(date.getTime()) ? String(timestampMs) : date.toISOString();
}
