import type { NetworkInspectInfo } from 'dockerode';
import { failedPrecondition } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { Logger } from '../../compute/log.js';
import type { Engine } from './engine.js';
import { engineStatus } from './engine-errors.js';

/** Networks that every engine has; nothing is made for them. */
const BUILT_IN = new Set(['none', 'bridge']);

const BETWEEN_CONTAINERS = 'com.docker.network.bridge.enable_icc';

/** The network that the sandboxes are on. */
export interface SandboxNetwork {
  /** Makes it when it is missing; asks the engine once. */
  ensure(): Promise<void>;
  /** Somebody removed it: the next `ensure` asks again. */
  forget(): void;
}

/** FAILED_PRECONDITION for `host`, on which a sandbox would reach everything that listens on this machine. */
export const createNetwork = (engine: Engine, name: string, log: Logger): SandboxNetwork => {
  if (name === 'host') {
    throw failedPrecondition("network_name = 'host' would open this machine's own network to every sandbox", {
      hint: 'leave network_name out, or name a bridge network',
    });
  }
  let ensured: Promise<void> | undefined;

  const ensure = () =>
    engine.call(`network '${name}'`, async (abortSignal) => {
      try {
        const { Options } = (await engine.docker.getNetwork(name).inspect()) as NetworkInspectInfo;
        if (Options?.[BETWEEN_CONTAINERS] !== 'false') {
          log.warn(`sandboxes on the network '${name}' can reach each other`, {
            hint: `leave network_name out, or make it with the option ${BETWEEN_CONTAINERS}=false`,
          });
        }
        return;
      } catch (error) {
        if (engineStatus(error) !== 404) throw error;
      }
      try {
        await engine.docker.createNetwork({
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
        if (engineStatus(error) !== 409) throw error;
      }
    });

  return {
    async ensure() {
      if (BUILT_IN.has(name)) return;
      ensured ??= ensure();
      try {
        await ensured;
      } catch (error) {
        ensured = undefined;
        throw error;
      }
    },
    forget() {
      ensured = undefined;
    },
  };
};
