import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { LABEL } from '../../dist/compute/labels.js';
import docker from '../../dist/drivers/docker/entry.js';
import { createDriver } from '../../dist/drivers/docker/index.js';
import { driverContext, tableOf } from '../support/driver-context.js';
import { eventually } from '../support/wait.js';
import type { Bed, EngineObject } from './bed.js';

const SOCKET = /^unix:\/\/(.+)$/.exec(process.env.DOCKER_HOST ?? '')?.[1] ?? '/var/run/docker.sock';

/** Docker's own client, so that the driver is checked by something that shares no code with it. */
async function cli(...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('docker', ['--host', `unix://${SOCKET}`, ...args]);
  return stdout.split('\n').filter((line) => line !== '');
}

export function dockerDriver(
  gatewayId: string,
  settings: Readonly<Record<string, unknown>> = {},
  endpoint = SOCKET,
) {
  return createDriver(driverContext({ gatewayId, settings: tableOf(docker.settings, settings), endpoint }));
}

/** Docker as test/engines/docker/up brings it up, with the images of test/engines/docker/image. */
export function dockerBed(): Bed {
  const owned = (gatewayId: string) => `label=${LABEL.gatewayId}=${gatewayId}`;
  /** What was listed and is gone by now is left out. */
  const inspect = async (name: string, labels: string): Promise<EngineObject[]> => {
    try {
      const [json = '{}'] = await cli('inspect', '--format', `{{json ${labels}}}`, name);
      return [{ name, labels: JSON.parse(json) as Record<string, string> }];
    } catch (error) {
      if (/No such (object|container|volume)/i.test(String(error))) {
        return [];
      }
      throw error;
    }
  };
  const inspected = async (names: string[], labels: string): Promise<EngineObject[]> =>
    (await Promise.all(names.map((name) => inspect(name, labels)))).flat();
  const containers = (gatewayId: string) => cli('ps', '-aq', '--no-trunc', '--filter', owned(gatewayId));
  const volumes = (gatewayId: string) => cli('volume', 'ls', '-q', '--filter', owned(gatewayId));

  return {
    name: 'docker',
    async unavailable() {
      const probe = await docker.probe({
        settings: tableOf(docker.settings, { engine_socket: SOCKET }),
        env: {},
        signal: AbortSignal.timeout(5_000),
      });
      if (probe.state === 'unavailable') {
        return `${probe.reason}: run test/engines/docker/up`;
      }
      const images = await cli('image', 'ls', '-q', 'openshell-test:noshell').catch(() => []);
      return images.length > 0 ? undefined : 'no test images: run test/engines/docker/image';
    },
    createDriver: (gatewayId, settings) => dockerDriver(gatewayId, settings),
    images: {
      shell: 'openshell-test:1',
      nonRoot: 'openshell-test:nonroot',
      noShell: 'openshell-test:noshell',
    },
    lacks: { diskLimit: 'the storage driver of the test engine has no quotas' },
    readOnlyRootConfig: { read_only_root: true },
    pidsLimit32Settings: { sandbox_pids_limit: 32 },
    objects: async (gatewayId) => [
      ...(await inspected(await containers(gatewayId), '.Config.Labels')),
      ...(await inspected(await volumes(gatewayId), '.Labels')),
    ],
    async createForeign() {
      const name = `openshell-foreign-${randomUUID().slice(0, 8)}`;
      const label = `${LABEL.managedBy}=openshell`;
      await cli('run', '-d', '--name', name, '--label', label, 'openshell-test:1', 'sleep', '600');
      return {
        exists: async () => (await cli('ps', '-q', '--filter', `name=^${name}$`)).length === 1,
        remove: async () => void (await cli('rm', '-f', name)),
      };
    },
    async cleanup(gatewayId) {
      // A driver that is undoing a create at this moment may be faster, so what counts is what is left.
      await eventually(`nothing of gateway ${gatewayId} is left on Docker`, async () => {
        const left = await containers(gatewayId);
        if (left.length > 0) {
          await cli('rm', '-f', '-v', ...left).catch(() => {});
        }
        const kept = await volumes(gatewayId);
        if (kept.length > 0) {
          await cli('volume', 'rm', '-f', ...kept).catch(() => {});
        }
        return left.length === 0 && kept.length === 0;
      });
    },
  };
}
