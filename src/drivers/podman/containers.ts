import type { CallOptions } from '../../compute/driver.js';
import { LABEL } from '../../compute/labels.js';
import type { PodmanClient } from './api/client.js';

/** Which container is which sandbox's. A container never changes its sandbox, so a found one is remembered. */
export interface Containers {
  /** Without asking the engine. */
  known(sandboxId: string): string | undefined;
  /** The engine is asked only about sandboxes that are not known yet. */
  find(sandboxId: string, options: CallOptions): Promise<string | undefined>;
  /** As the engine has them now. */
  all(sandboxId: string, options: CallOptions): Promise<string[]>;
  remember(sandboxId: string, containerId: string): void;
  forget(sandboxId: string): void;
}

const MAX_KNOWN = 100_000;

export function createContainers(client: PodmanClient, gatewayId: string): Containers {
  const known = new Map<string, string>();

  const all: Containers['all'] = async (sandboxId, options) => {
    // Values of one filter are alternatives in some versions and conditions in others: the gateway is compared here.
    const label = [`${LABEL.sandboxId}=${sandboxId}`];
    const summaries = await client.listContainers({ label }, options);
    return summaries.filter(({ Labels }) => Labels?.[LABEL.gatewayId] === gatewayId).map(({ Id }) => Id);
  };
  function remember(sandboxId: string, containerId: string) {
    if (known.size >= MAX_KNOWN) {
      known.clear();
    }
    known.set(sandboxId, containerId);
  }

  return {
    all,
    known: (sandboxId) => known.get(sandboxId),
    remember,
    forget: (sandboxId) => void known.delete(sandboxId),
    async find(sandboxId, options) {
      const found = known.get(sandboxId);
      if (found !== undefined) {
        return found;
      }
      const [id] = await all(sandboxId, options);
      if (id !== undefined) {
        remember(sandboxId, id);
      }
      return id;
    },
  };
}
