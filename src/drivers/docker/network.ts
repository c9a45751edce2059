import type { NetworkInspectInfo } from 'dockerode';
import { failedPrecondition } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { Logger } from '../../compute/log.js';
import type { HostAccess } from '../container/host-access.js';
import type { DockerClient } from './api/client.js';
import { engineStatus } from './api/fault.js';

/** Networks that every engine has; nothing is made for them. */
const BUILT_IN = new Set(['none', 'bridge']);

const BETWEEN_CONTAINERS = 'com.docker.network.bridge.enable_icc';
const BRIDGE_NAME = 'com.docker.network.bridge.name';

/** The network that the sandboxes are on. */
export interface SandboxNetwork {
  /** Creates it if it is missing, asking the engine once, and keeps the rules of its bridge in place. */
  ensure(): Promise<void>;
  /** Somebody removed it: the next `ensure` asks again. */
  forget(): void;
}

interface NetworkOptions {
  readonly client: DockerClient;
  readonly name: string;
  readonly hostAccess: HostAccess;
  /** Whether the operator allows sandboxes to reach the host. */
  readonly hostAllowed: boolean;
  readonly log: Logger;
}

/** FAILED_PRECONDITION for `host`, on which a sandbox would reach everything that listens on this machine. */
export function createNetwork(options: NetworkOptions): SandboxNetwork {
  const { client, name, hostAccess, hostAllowed, log } = options;
  if (name === 'host') {
    throw failedPrecondition("network_name = 'host' would open this machine's own network to every sandbox", {
      hint: 'leave network_name out, or name a bridge network',
    });
  }
  let ensured: Promise<string | undefined> | undefined;

  /** Two gateways that start at once may each make one, which makes the name ambiguous: the older one stays. */
  async function find(): Promise<NetworkInspectInfo | undefined> {
    const named = await client.docker.listNetworks({ filters: { name: [name] } });
    const found = named
      .filter(({ Name }) => Name === name)
      .sort((a, b) => Date.parse(a.Created) - Date.parse(b.Created) || (a.Id < b.Id ? -1 : 1));
    for (const { Id, Labels } of found.slice(1)) {
      if (Labels?.[LABEL.managedBy] === 'openshell') {
        // The engine refuses while containers are on it.
        await client.docker
          .getNetwork(Id)
          .remove()
          .catch(() => {});
      }
    }
    return found[0];
  }

  async function make(abortSignal: AbortSignal): Promise<void> {
    try {
      await client.docker.createNetwork({
        Name: name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Attachable: true,
        Options: { [BETWEEN_CONTAINERS]: 'false' },
        // Shared by all gateways of this engine, so it carries no gateway's id.
        Labels: { [LABEL.managedBy]: 'openshell' },
        abortSignal,
      });
    } catch (error) {
      // Another gateway was faster.
      if (engineStatus(error) !== 409) {
        throw error;
      }
    }
  }

  /** The bridge of a network that is ours alone; others may use any other, so that no rules are set for it. */
  function ensure() {
    return client.call(`network '${name}'`, async (abortSignal) => {
      let found = await find();
      if (found === undefined) {
        await make(abortSignal);
        found = await find();
      } else if (found.Options?.[BETWEEN_CONTAINERS] !== 'false' && !BUILT_IN.has(name)) {
        log.warn(`sandboxes on the network '${name}' can reach each other`, {
          hint: `leave network_name out, or make it with the option ${BETWEEN_CONTAINERS}=false`,
        });
      }
      if (found === undefined || found.Driver === 'null') {
        return undefined;
      }
      if (found.Labels?.[LABEL.managedBy] === 'openshell') {
        return found.Options?.[BRIDGE_NAME] ?? `br-${found.Id.slice(0, 12)}`;
      }
      if (!hostAllowed) {
        log.warn(
          `sandboxes can reach this host's own addresses and the metadata service of its cloud: no rules are set for the network '${name}', which others may use`,
          {
            hint: 'leave network_name out, filter it yourself, or set host_access = true to say that it may be so',
          },
        );
      }
      return undefined;
    });
  }

  return {
    async ensure() {
      ensured ??= ensure();
      try {
        const bridge = await ensured;
        if (bridge === undefined) {
          return;
        }
        await hostAccess.keep(bridge);
        hostAccess.confirm(bridge);
      } catch (error) {
        ensured = undefined;
        throw error;
      }
    },
    forget() {
      ensured = undefined;
    },
  };
}
