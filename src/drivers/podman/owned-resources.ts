import type { CallOptions } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import { delay } from '../../kit/deadline.js';
import type { PodmanClient } from './api/client.js';
import type { Plan } from './container-spec.js';
import { secretPrefix } from './names.js';

const NETWORK_ATTEMPTS = 10;
const NETWORK_RETRY_MS = 20;

/** The sandbox's own network, when the plan has one. An existing one is kept. */
export async function makeNetwork(client: PodmanClient, plan: Plan, options: CallOptions): Promise<void> {
  if (plan.network === undefined) {
    return;
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await unlessThere(client.createNetwork(plan.network, plan.bridge, plan.labels, options));
    } catch (error) {
      const passes = error instanceof OpenShellError && error.code === Code.ABORTED;
      if (!passes || attempt === NETWORK_ATTEMPTS) {
        throw error;
      }
      await delay(NETWORK_RETRY_MS * attempt, options.signal);
    }
  }
}

/** The engine refuses while a container has it. */
export async function removeNetwork(client: PodmanClient, plan: Plan, options: CallOptions): Promise<void> {
  if (plan.network !== undefined) {
    await client.removeNetwork(plan.network, options);
  }
}

/** Volume and secrets of the plan. Leftovers of an interrupted attempt are replaced. */
export async function makeOwnedResources(
  client: PodmanClient,
  plan: Plan,
  options: CallOptions,
): Promise<void> {
  if (plan.volume !== undefined) {
    await client.removeVolume(plan.volume, options);
    await client.createVolume(plan.volume, plan.labels, options);
  }
  for (const { name, value } of plan.secrets) {
    await client.removeSecret(name, options);
    await client.createSecret(name, value, options);
  }
}

/** Removed first, while the container still refers to them. False when there were none. */
export async function removeSecrets(
  client: PodmanClient,
  owner: { readonly gatewayId: string },
  id: string,
  options: CallOptions,
): Promise<boolean> {
  const names = await client.listSecrets(secretPrefix(owner.gatewayId, id), options);
  for (const name of names) {
    await client.removeSecret(name, options);
  }
  return names.length > 0;
}

/** Volumes and networks, which a container holds on to as long as it exists. False when there were none. */
export async function removeHeld(
  client: PodmanClient,
  owner: { readonly gatewayId: string },
  id: string,
  options: CallOptions,
): Promise<boolean> {
  // Filters of one key match by any of their values, so the gateway is looked at here.
  const label = [`${LABEL.sandboxId}=${id}`];
  function ours({ labels }: { readonly labels: Readonly<Record<string, string>> }) {
    return labels[LABEL.gatewayId] === owner.gatewayId && labels[LABEL.sandboxId] === id;
  }

  const [volumes, networks] = await Promise.all([
    client.listVolumes({ label }, options),
    client.listNetworks({ label }, options),
  ]);
  const held = [
    ...volumes.filter(ours).map(({ name }) => client.removeVolume(name, options)),
    ...networks.filter(ours).map(({ name }) => client.removeNetwork(name, options)),
  ];
  await Promise.all(held);
  return held.length > 0;
}

async function unlessThere(made: Promise<void>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!(error instanceof OpenShellError) || error.code !== Code.ALREADY_EXISTS) {
      throw error;
    }
  }
}
