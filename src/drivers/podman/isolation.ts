import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from '../../compute/log.js';

/**
 * Holds sandboxes on bridges of their own apart where netavark works with iptables. It leads to its isolation rules by
 * one jump in FORWARD, and takes it away with any isolated network, also from those that stay (seen with 1.4; later
 * sources do the same). A jump of our own at the head of NETAVARK_FORWARD, where everything that netavark accepts
 * comes by, is nothing that it knows of and stays.
 */
export interface IsolationRule {
  /** Puts the rule where it is missing. Never rejects: what stands in the way is logged, once. */
  keep(): Promise<void>;
}

export interface IsolationRuleOptions {
  /** Finds `iptables` by its PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** How long a rule that was seen is taken to stand. Default: one minute. */
  readonly trustedMs?: number;
}

const CHAIN = 'NETAVARK_FORWARD';
const RULE = ['-m', 'comment', '--comment', 'openshell-isolation', '-j', 'NETAVARK_ISOLATION_1'];
const COMMAND = `iptables -I ${CHAIN} ${RULE.join(' ')}`;
const TRUSTED_MS = 60_000;
const TIMEOUT_MS = 10_000;
/** Another iptables may be at work for so long. */
const LOCK_WAIT_SECS = '5';
/** In the two spellings of iptables: netavark has made no such chain, because it works with nftables or has not begun. */
const CHAIN_MISSING = /does not exist|No chain\/target\/match/;

const run = promisify(execFile);

export const createIsolationRule = (options: IsolationRuleOptions): IsolationRule => {
  const { log, trustedMs = TRUSTED_MS } = options;
  const folders = [options.env.PATH, '/usr/sbin', '/sbin'];
  // An empty part would stand for the working directory.
  const env = { ...options.env, PATH: folders.filter(Boolean).join(':') };
  let seenAtMs = Number.NEGATIVE_INFINITY;
  let placing: Promise<void> | undefined;
  let told = false;

  const iptables = async (...args: string[]): Promise<string> =>
    (await run('iptables', ['-w', LOCK_WAIT_SECS, ...args], { env, timeout: TIMEOUT_MS })).stdout;

  const place = async (): Promise<void> => {
    try {
      const rules = await iptables('-S', CHAIN);
      if (!rules.includes(RULE.join(' '))) await iptables('-I', CHAIN, ...RULE);
    } catch (error) {
      const { stderr = '' } = error as { stderr?: string };
      if (CHAIN_MISSING.test(stderr) || told) return;
      told = true;
      log.warn(
        'where netavark works with iptables sandboxes may reach one another: the rule that keeps them apart cannot be ' +
          `looked after; run the gateway as root, or run this once after each start of the host: ${COMMAND}`,
        { said: stderr.trim() || String(error) },
      );
    }
  };

  return {
    async keep() {
      if (performance.now() - seenAtMs < trustedMs) return;
      placing ??= place().finally(() => {
        seenAtMs = performance.now();
        placing = undefined;
      });
      await placing;
    },
  };
};
