import { type DockerClient, orMissing } from './api/client.js';
import { engineStatus } from './api/fault.js';

/** Removes a container, its processes and its anonymous volumes at once. False when it was gone. */
export function removeContainer(client: DockerClient, containerId: string): Promise<boolean> {
  return client.call('removal of a container', async (abortSignal) => {
    const removing = client.docker.getContainer(containerId).remove({ force: true, v: true, abortSignal });
    try {
      return await orMissing(
        false,
        removing.then(() => true),
      );
    } catch (error) {
      // Another client is removing it: treat it as gone; an event reports when it is.
      if (engineStatus(error) === 409 && /already in progress/.test(String(error))) {
        return true;
      }
      throw error;
    }
  });
}

/** False when it was gone. */
export function removeVolume(client: DockerClient, name: string): Promise<boolean> {
  return client.call(`removal of volume '${name}'`, (abortSignal) =>
    orMissing(
      false,
      client.docker
        .getVolume(name)
        .remove({ abortSignal })
        .then(() => true),
    ),
  );
}
