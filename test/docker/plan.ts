import { engineCeilings } from '../../dist/drivers/container/limits.js';
import { planSandbox } from '../../dist/drivers/docker/container-spec.js';
import { type DockerSettings, dockerSettings } from '../../dist/drivers/docker/settings.js';
import { tableOf } from '../support/driver-context.js';
import { aSandbox, type SpecChange } from '../support/sandboxes.js';

/** What the driver would make of a sandbox, with the operator's settings changed. */
export function plan(change: SpecChange = {}, settings: Partial<DockerSettings> = {}) {
  const all = tableOf(dockerSettings, settings);
  const identity = { id: '7c9e6679-7425-40de-944b-e07fc1f90ae7', name: 'box', namespace: 'ns' };
  return planSandbox(aSandbox('image:1', change, identity), {
    owner: { gatewayId: 'gateway-1', version: '1.2.3' },
    settings: all,
    ceilings: engineCeilings(all, { cpus: 16, memoryBytes: 64 * 1024 ** 3 }, 'docker'),
    diskBytes: all.default_disk_limit === '' ? undefined : 1024 ** 3,
  });
}
