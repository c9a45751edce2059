import { methods, type Sandbox, type SandboxLogLine, SandboxPhase } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { printable } from '../output/printable.js';
import { idOf, nameOf } from './lookup.js';
import { exitCodeOfMain, phaseOf } from './phase.js';
import { watchSandbox } from './watch.js';

const SOURCES = ['sandbox'];
/** The number of lines that a gateway keeps. */
const LOG_LINES = 2000;

/**
 * Shows the output of a sandbox's main process until it ends; returns its exit code. Lines that have not arrived by
 * then are fetched afterwards.
 */
export async function followMainProcess(
  context: Context,
  gateway: Gateway,
  sandbox: Sandbox,
): Promise<number> {
  const { signal, workspace } = context;
  const id = idOf(sandbox);
  const shown: SandboxLogLine[] = [];
  const code = exitCodeOfMain(sandbox) ?? (await followUntilExit(context, gateway, id, shown));
  const request = { sandboxId: id, lines: LOG_LINES, sources: SOURCES, workspace };
  const { logs } = await gateway.call(methods.getSandboxLogs, request, { signal });
  for (const line of unseenLines(shown, logs)) {
    await passLine(context, line);
  }
  if (code === undefined) {
    await context.note(`sandbox '${nameOf(sandbox)}' was stopped or deleted before its command had ended`);
  }
  return code ?? EXIT.failure;
}

/** Undefined when the sandbox was stopped or is being deleted by someone else. */
async function followUntilExit(
  context: Context,
  gateway: Gateway,
  id: string,
  shown: SandboxLogLine[],
): Promise<number | undefined> {
  const request = {
    id,
    followStatus: true,
    followLogs: true,
    logTailLines: LOG_LINES,
    logSources: SOURCES,
  };
  for await (const { payload } of watchSandbox(gateway, request, context.signal)) {
    if (payload.case === 'log') {
      await passLine(context, payload.value);
      shown.push(payload.value);
      if (shown.length > LOG_LINES) {
        shown.shift();
      }
    } else if (payload.case === 'sandbox') {
      const code = exitCodeOfMain(payload.value);
      if (code !== undefined) {
        return code;
      }
      const phase = phaseOf(payload.value);
      if (phase === SandboxPhase.STOPPED || phase === SandboxPhase.DELETING) {
        return undefined;
      }
    }
  }
  return undefined;
}

/** A program's output is passed on unchanged, except to a terminal. */
async function passLine({ out, err }: Context, { message, target }: SandboxLogLine): Promise<void> {
  const output = target === 'stderr' ? err : out;
  await output.write(`${output.isTerminal ? printable(message) : message}\n`);
}

/**
 * The lines of `latest` that come after `shown`, both in order: the end of the one and the beginning of the other
 * overlap by the lines they have in common.
 */
export function unseenLines(
  shown: readonly SandboxLogLine[],
  latest: readonly SandboxLogLine[],
): readonly SandboxLogLine[] {
  for (let overlap = Math.min(shown.length, latest.length); overlap > 0; overlap--) {
    const end = shown.slice(-overlap);
    if (end.every((line, at) => isSame(line, latest[at]))) {
      return latest.slice(overlap);
    }
  }
  return latest;
}

function isSame(a: SandboxLogLine, b: SandboxLogLine | undefined): boolean {
  return a.timestampMs === b?.timestampMs && a.target === b.target && a.message === b.message;
}
