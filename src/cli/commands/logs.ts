import { methods } from '../../wire/v00/index.js';
import { readAgeMs, readCount } from '../arguments/values.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { getSandbox, idOf } from '../sandbox/lookup.js';
import { watchSandbox } from '../sandbox/watch.js';
import { logJson, logLine } from '../views/log-line.js';

const DEFAULT_LINES = 200;
const MAX_LINES = 1_000_000;

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
