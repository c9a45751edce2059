import { readdirSync, readFileSync } from 'node:fs';
import type { Logger } from '../../compute/log.js';
import { createIptables, type Iptables, type KeptRules, keptRules } from './iptables.js';

/** A key of both engines. */
export const hostAccessSetting = {
  host_access: {
    type: 'boolean',
    default: false,
    doc: "Whether a sandbox may reach this host's own addresses, link-local ones and the cloud's metadata service; false needs root.",
  },
} as const;

/** Keeps sandboxes from the host and from its cloud's metadata service, by rules for the bridges that they are on. */
export interface HostAccess {
  /**
   * Looks after the rules for this bridge, or for all whose names begin so when it ends with +; undefined: there is none
   * yet. Never rejects: a problem is logged, once.
   */
  keep(bridge: string | undefined): Promise<void>;
  /** Says so when the bridge that sandboxes are on is not in this process's network, where rules have no effect on it. */
  confirm(bridge: string): void;
}

const CHAIN = 'OPENSHELL-HOST';
/** Before all routing and translation of addresses: no engine keeps rules here, so none can overtake ours. */
const TABLE = 'mangle';

/** Link-local, which is where most clouds keep their metadata; Azure's and Alibaba's own addresses. */
const FORBIDDEN = {
  4: ['169.254.0.0/16', '168.63.129.16/32', '100.100.100.200/32'],
  6: ['fe80::/10', 'fd00:ec2::254/128'],
} as const;

/**
 * As iptables prints them. Answers pass, and so does DNS, which some clouds and hosts serve at these addresses; with
 * IPv6 also what neighbours find each other by.
 */
function rulesOf(family: 4 | 6): string[] {
  return [
    '-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
    '-p udp -m udp --dport 53 -j RETURN',
    '-p tcp -m tcp --dport 53 -j RETURN',
    ...(family === 6 ? ['-p ipv6-icmp -j RETURN'] : []),
    '-m addrtype --dst-type LOCAL -j DROP',
    ...FORBIDDEN[family].map((range) => `-d ${range} -j DROP`),
  ];
}

function jumpOf(bridge: string): string {
  return `-i ${bridge} -m comment --comment openshell-host-access -j ${CHAIN}`;
}

/** Whether an interface of this name, or that begins so when it ends with +, is in this process's network. */
function isHere(bridge: string): boolean {
  try {
    const names = readdirSync('/sys/class/net');
    return bridge.endsWith('+')
      ? names.some((name) => name.startsWith(bridge.slice(0, -1)))
      : names.includes(bridge);
  } catch {
    return false;
  }
}

function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8') !== '';
  } catch {
    return false;
  }
}

async function place(iptables: Iptables, family: 4 | 6, bridge: string | undefined): Promise<void> {
  const standing = (await iptables.run(['-t', TABLE, '-S'])).split('\n');
  const rules = rulesOf(family).map((rule) => `-A ${CHAIN} ${rule}`);
  const ours = standing.filter((line) => line.startsWith(`-A ${CHAIN} `));
  const lines = ours.join('\n') === rules.join('\n') ? [] : [`:${CHAIN} - [0:0]`, ...rules];
  for (const line of standing) {
    const other = /^-A PREROUTING -i (\S+) .*--comment openshell-host-access /.exec(line)?.[1];
    if (other === undefined || other === bridge || other.endsWith('+') || isHere(other)) {
      continue;
    }
    lines.push(line.replace('-A', '-D'));
  }
  if (bridge !== undefined && !standing.includes(`-A PREROUTING ${jumpOf(bridge)}`)) {
    lines.push(`-I PREROUTING ${jumpOf(bridge)}`);
  }
  if (lines.length > 0) {
    await iptables.restore(TABLE, lines);
  }
}

async function lift(iptables: Iptables, bridge: string): Promise<void> {
  const standing = (await iptables.run(['-t', TABLE, '-S', 'PREROUTING'])).split('\n');
  if (!standing.includes(`-A PREROUTING ${jumpOf(bridge)}`)) {
    return;
  }
  await iptables.restore(TABLE, [`-D PREROUTING ${jumpOf(bridge)}`]);
}

/** The rules as commands, for an operator whose gateway cannot set them. */
function commands(bridge: string): string {
  return [
    `iptables -t ${TABLE} -N ${CHAIN}`,
    ...rulesOf(4).map((rule) => `iptables -t ${TABLE} -A ${CHAIN} ${rule}`),
    `iptables -t ${TABLE} -I PREROUTING ${jumpOf(bridge)}`,
  ].join(' && ');
}

interface HostAccessOptions {
  /** From the settings: the rules are lifted. */
  readonly allowed: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly trustedMs?: number;
}

export function createHostAccess({ allowed, env, log, trustedMs }: HostAccessOptions): HostAccess {
  let isReported = false;
  function warning(bridge: string | undefined): string | undefined {
    if (isReported || allowed) {
      return undefined;
    }
    isReported = true;
    return (
      "sandboxes can reach this host's own addresses and the metadata service of its cloud: the rules against it cannot be " +
      'set from here; run the gateway as root in the network of the host, run these once after each start of the host, or ' +
      `set host_access = true to say that it may be so: ${commands(bridge ?? 'BRIDGE')}`
    );
  }

  function rulesFor(bridge: string | undefined): KeptRules {
    return keptRules({
      async place() {
        for (const family of hasIpv6() ? ([4, 6] as const) : ([4] as const)) {
          const iptables = createIptables(env, family);
          if (!allowed) {
            await place(iptables, family, bridge);
          } else if (bridge !== undefined) {
            await lift(iptables, bridge);
          }
        }
      },
      warning: () => warning(bridge),
      log,
      trustedMs,
    });
  }

  let kept: { readonly bridge: string | undefined; readonly rules: KeptRules } | undefined;

  return {
    async keep(bridge) {
      if (kept === undefined || kept.bridge !== bridge) {
        kept = { bridge, rules: rulesFor(bridge) };
      }
      await kept.rules.keep();
    },
    confirm(bridge) {
      const text = isHere(bridge) ? undefined : warning(bridge);
      if (text !== undefined) {
        log.warn(text, { said: `there is no bridge ${bridge} in the gateway's own network` });
      }
    },
  };
}
