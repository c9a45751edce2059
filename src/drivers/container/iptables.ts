import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from '../../compute/log.js';

type Env = Readonly<Record<string, string | undefined>>;

export interface Iptables {
  /** Runs `iptables`; returns its stdout, or rejects with its stderr. */
  run(args: readonly string[]): Promise<string>;
  /** Applies all lines of `table` at once, beside the existing rules; a chain that they declare is flushed first. */
  restore(table: string, lines: readonly string[]): Promise<void>;
}

export class IptablesError extends Error {
  override readonly name = 'IptablesError';
}

const TIMEOUT_MS = 10_000;
/** Another iptables may be at work for so long. */
const LOCK_WAIT_SECS = '5';
const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;

/** `family` 4 or 6; the programs are found by the PATH of `env`, and where they usually are. */
export function createIptables(env: Env, family: 4 | 6 = 4): Iptables {
  const folders = [env.PATH, '/usr/sbin', '/sbin'];
  // An empty part would stand for the working directory.
  const childEnv = { ...env, PATH: folders.filter(Boolean).join(':') };
  const name = family === 6 ? 'ip6tables' : 'iptables';

  async function call(program: string, args: readonly string[], input: string): Promise<string> {
    const child = spawn(program, ['-w', LOCK_WAIT_SECS, ...args], {
      env: childEnv,
      timeout: TIMEOUT_MS,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (data: string) => {
        if (text[stream].length < MOST_OUTPUT_BYTES) {
          text[stream] += data;
        }
      });
    }
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    if (code !== 0) {
      throw new IptablesError(text.stderr.trim() || `${program} ended with ${code}`);
    }
    return text.stdout;
  }

  return {
    run: (args) => call(name, args, ''),
    async restore(table, lines) {
      await call(`${name}-restore`, ['--noflush'], `*${table}\n${lines.join('\n')}\nCOMMIT\n`);
    },
  };
}

export interface KeptRules {
  /** Adds the rules where they are missing. Never rejects: a problem is logged, once. */
  keep(): Promise<void>;
}

/** How long rules that were seen are taken to stand. */
const TRUSTED_MS = 60_000;

/** Looks after rules of the host, at most once in a while, however often it is asked to. */
export function keptRules(options: {
  readonly place: () => Promise<void>;
  /** The warning for the operator when that fails; undefined: none. */
  readonly warning: (message: string) => string | undefined;
  readonly log: Logger;
  /** Default: one minute. */
  readonly trustedMs?: number | undefined;
}): KeptRules {
  const { place, warning, log, trustedMs = TRUSTED_MS } = options;
  let seenAtMs = Number.NEGATIVE_INFINITY;
  let placing: Promise<void> | undefined;
  let isReported = false;

  async function attempt(): Promise<void> {
    try {
      await place();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const text = warning(message);
      if (text === undefined || isReported) {
        return;
      }
      isReported = true;
      log.warn(text, { said: message });
    }
  }

  return {
    async keep() {
      if (performance.now() - seenAtMs < trustedMs) {
        return;
      }
      placing ??= attempt().finally(() => {
        seenAtMs = performance.now();
        placing = undefined;
      });
      await placing;
    },
  };
}
