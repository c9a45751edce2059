import type { Logger } from '../../compute/log.js';
import { createIptables, type KeptRules, keptRules } from '../container/iptables.js';

interface IsolationRuleOptions {
  /** Finds `iptables` by its PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly trustedMs?: number;
}

const CHAIN = 'NETAVARK_FORWARD';
const RULE = ['-m', 'comment', '--comment', 'openshell-isolation', '-j', 'NETAVARK_ISOLATION_1'];
const COMMAND = `iptables -I ${CHAIN} ${RULE.join(' ')}`;
/** In the two spellings of iptables: netavark has made no such chain, because it works with nftables or has not begun. */
const CHAIN_MISSING = /does not exist|No chain\/target\/match/;

/**
 * Holds sandboxes on bridges of their own apart where netavark works with iptables. It leads to its isolation rules by
 * one jump in FORWARD, and takes it away with any isolated network, also from those that stay (seen with 1.4; later
 * sources do the same). A jump of our own at the head of NETAVARK_FORWARD, where everything that netavark accepts
 * comes by, is nothing that it knows of and stays.
 */
export function createIsolationRule({ env, log, trustedMs }: IsolationRuleOptions): KeptRules {
  const iptables = createIptables(env);
  return keptRules({
    async place() {
      const rules = await iptables.run(['-S', CHAIN]);
      if (!rules.includes(RULE.join(' '))) {
        await iptables.run(['-I', CHAIN, ...RULE]);
      }
    },
    warning: (message) =>
      CHAIN_MISSING.test(message)
        ? undefined
        : 'where netavark works with iptables sandboxes may reach one another: the rule that keeps them apart cannot be ' +
          `looked after; run the gateway as root, or run this once after each start of the host: ${COMMAND}`,
    log,
    trustedMs,
  });
}
