import { methods, type SandboxLogLine, SandboxLogLineSchema } from '../../wire/v00/index.js';
import { readAgeMs, readCount } from '../arguments/values.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { plain } from '../output/plain.js';
import { printable, printableJson } from '../output/printable.js';
import { getSandbox, idOf } from '../sandbox/lookup.js';
import { watchSandbox } from '../sandbox/watch.js';

const DEFAULT_LINES = 200;
const MAX_LINES = 1_000_000;
const LEVEL_WIDTH = 5;

export async function run(context: Context): Promise<number> {
  const { args, out, signal, workspace } = context;
  const [name = ''] = args.positionals;
  const lines = readCount('--lines', args.text('lines'), { min: 1, max: MAX_LINES }) ?? DEFAULT_LINES;
  const since = args.text('since');
  const sinceMs = since === undefined ? 0n : BigInt(Date.now() - readAgeMs('--since', since));
  const source = args.text('source') ?? 'all';
  const sources = source === 'all' ? [] : [source];
  const shown = args.text('output') === 'json' ? logJson : logLine;
  const minLevel = (args.text('level') ?? '').toUpperCase();

  const gateway = await context.connect();
  const sandbox = await getSandbox(gateway, context, name);
  const id = idOf(sandbox);
  if (!args.flag('tail')) {
    const request = { sandboxId: id, lines, sinceMs, sources, minLevel, workspace };
    const { logs } = await gateway.call(methods.getSandboxLogs, request, { signal });
    await out.write(logs.map(shown).join(''));
    return EXIT.ok;
  }
  const request = {
    id,
    followLogs: true,
    logTailLines: lines,
    logSinceMs: sinceMs,
    logSources: sources,
    logMinLevel: minLevel,
  };
  for await (const { payload } of watchSandbox(gateway, request, signal)) {
    if (payload.case === 'log') {
      await out.write(shown(payload.value));
    } else if (payload.case === 'warning') {
      await context.note(`warning: ${payload.value.message}`);
    }
  }
  return EXIT.ok;
}

/** `TIME LEVEL [source] message key=value`, with a newline. Escapes control characters of the sandbox's output. */
export function logLine({ timestampMs, level, source, target, message, fields }: SandboxLogLine): string {
  const origin = source === 'sandbox' && target !== '' ? `${source} ${target}` : source;
  const extra = Object.entries(fields).map(([key, value]) => `${key}=${value}`);
  const words = [timeOf(timestampMs), level.padEnd(LEVEL_WIDTH), `[${origin}]`, message, ...extra];
  return `${printable(words.join(' '))}\n`;
}

/** One JSON object in one line, with a newline. */
function logJson(line: SandboxLogLine): string {
  return `${printableJson(plain(SandboxLogLineSchema, line))}\n`;
}

function timeOf(timestampMs: bigint): string {
  const date = new Date(Number(timestampMs));
  return Number.isNaN(date.getTime()) ? String(timestampMs) : date.toISOString();
}
