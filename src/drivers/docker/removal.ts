import type { Engine } from './engine.js';
import { engineStatus } from './engine-errors.js';

/** Removes a container, its processes and its anonymous volumes at once. False when it was gone. */
export function removeContainer(engine: Engine, containerId: string): Promise<boolean> {
  return engine.call('removal of a container', async (abortSignal) => {
    try {
      await engine.docker.getContainer(containerId).remove({ force: true, v: true, abortSignal });
      return true;
    } catch (error) {
      const status = engineStatus(error);
      // Somebody else is removing it at this moment: it is as good as gone, and the engine tells when.
      if (status === 409 && /already in progress/.test(String(error))) {
        return true;
      }
      if (status === 404) {
        return false;
      }
      throw error;
    }
  });
}

/** False when it was gone. */
export function removeVolume(engine: Engine, name: string): Promise<boolean> {
  return engine.call(`removal of volume '${name}'`, async (abortSignal) => {
    try {
      await engine.docker.getVolume(name).remove({ abortSignal });
      return true;
    } catch (error) {
      if (engineStatus(error) === 404) {
        return false;
      }
      throw error;
    }
  });
}
