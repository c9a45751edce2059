import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { LABEL } from '../../dist/compute/labels.js';
import podman from '../../dist/drivers/podman/entry.js';
import { createDriver } from '../../dist/drivers/podman/index.js';
import { driverContext, tableOf } from '../support/driver-context.js';
import { eventually } from '../support/wait.js';
import type { Bed, Capability, EngineObject } from './bed.js';
import { type PodmanKind, podmanApi, podmanSocket } from './podman-api.js';

export function podmanDriver(
  endpoint: string,
  gatewayId: string,
  settings: Readonly<Record<string, unknown>> = {},
) {
  return createDriver(driverContext({ gatewayId, settings: tableOf(podman.settings, settings), endpoint }));
}

/** Podman as test/engines/podman/up brings it up. */
export async function podmanBed(kind: PodmanKind): Promise<Bed> {
  const socket = podmanSocket(kind);
  const api = (method: string, path: string, body?: object) => podmanApi(socket, method, path, body);
  const filtered = async (path: string, filters: object) => {
    const query = `${path.includes('?') ? '&' : '?'}filters=${encodeURIComponent(JSON.stringify(filters))}`;
    const { status, body } = await api('GET', path + query);
    assert.equal(status, 200, `Podman answers ${path} with ${JSON.stringify(body)}`);
    return body ?? [];
  };

  const objects = async (gatewayId: string): Promise<(EngineObject & { remove: string })[]> => {
    const label = { label: [`${LABEL.gatewayId}=${gatewayId}`] };
    const [containers, volumes, networks] = await Promise.all([
      filtered('/containers/json?all=true', label),
      filtered('/volumes/json', label),
      filtered('/networks/json', label),
    ]);
    return [
      ...containers.map((c: { Id: string; Names: string[]; Labels: Record<string, string> }) => ({
        name: c.Names[0],
        labels: c.Labels,
        remove: `/containers/${c.Id}?force=true&timeout=0`,
      })),
      ...volumes.map((v: { Name: string; Labels: Record<string, string> }) => ({
        name: v.Name,
        labels: v.Labels,
        remove: `/volumes/${v.Name}?force=true`,
      })),
      ...networks.map((n: { name: string; labels: Record<string, string> }) => ({
        name: n.name,
        labels: n.labels,
        remove: `/networks/${n.name}?force=true`,
      })),
    ];
  };

  return {
    name: kind === 'rootful' ? 'podman' : 'podman-rootless',
    async unavailable() {
      const answer = await api('GET', '/info').catch((error: Error) => error);
      if (!(answer instanceof Error) && answer.status === 200) {
        return undefined;
      }
      return `no Podman at ${socket}: run test/engines/podman/up ${kind}`;
    },
    createDriver: (gatewayId, settings) => podmanDriver(socket, gatewayId, settings),
    images: {
      shell: 'localhost/openshell-test:1',
      nonRoot: 'localhost/openshell-test:nonroot',
      noShell: 'localhost/openshell-test:noshell',
    },
    lacks: await lackingOf(kind, api),
    readOnlyRootConfig: { read_only_root: true },
    pidsLimit32Settings: { sandbox_pids_limit: 32 },
    objects,
    async createForeign() {
      const name = `openshell-foreign-${randomUUID().slice(0, 8)}`;
      await api('POST', '/containers/create', {
        name,
        image: 'localhost/openshell-test:1',
        command: ['sleep', '600'],
        labels: { [LABEL.managedBy]: 'openshell' },
      });
      return {
        exists: async () => (await api('GET', `/containers/${name}/exists`)).status === 204,
        remove: async () => void (await api('DELETE', `/containers/${name}?force=true&timeout=0`)),
      };
    },
    async cleanup(gatewayId) {
      // A driver that is undoing a create at this moment may be faster, so what counts is what is left.
      await eventually(`nothing of gateway ${gatewayId} is left on Podman`, async () => {
        const left = await objects(gatewayId);
        // In the order of the list: a container holds on to its volume and its network.
        for (const { remove } of left) {
          await api('DELETE', remove);
        }
        return left.length === 0;
      });
    },
  };
}

/** What cgroups v1 keep this engine from. */
async function lackingOf(
  kind: PodmanKind,
  api: (method: string, path: string) => Promise<{ body: { host: { cgroupVersion: string } } }>,
): Promise<Partial<Record<Capability, string>>> {
  const diskLimit = 'the storage driver of the test engine has no quotas';
  const info = await api('GET', '/info').catch(() => undefined);
  if (info?.body.host.cgroupVersion !== 'v1') {
    return { diskLimit };
  }
  if (kind === 'rootful') {
    return { diskLimit, oom: 'conmon does not notice it on cgroups v1: exit code 137 is all there is' };
  }
  const why = 'rootless Podman cannot limit resources on cgroups v1';
  return { diskLimit, cpuLimit: why, memoryLimit: why, oom: why, pidsLimit: why };
}
