import type { Readable } from 'node:stream';
import { type FirstEntry, firstTarEntry } from '../container/tar.js';
import type { Engine } from './engine.js';
import { engineStatus } from './engine-errors.js';

/** No file that is read here is larger; more of it is not looked at. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Whether a path exists in a container, running or not. A symbolic link counts, whatever it points at. */
export function pathExists(engine: Engine, containerId: string, path: string): Promise<boolean> {
  return engine.call(`look for ${path}`, (abortSignal) =>
    unlessMissing(async () => {
      await engine.docker.getContainer(containerId).infoArchive({ path, abortSignal });
      return true;
    }, false),
  );
}

/** Owner, mode and content of a file, or of a directory itself; undefined when it does not exist. */
export function readPath(engine: Engine, containerId: string, path: string): Promise<FirstEntry | undefined> {
  return engine.call(`read of ${path}`, (abortSignal) =>
    unlessMissing(async () => {
      const stream = (await engine.docker
        .getContainer(containerId)
        .getArchive({ path, abortSignal })) as Readable;
      try {
        return await firstTarEntry(stream, MAX_FILE_BYTES);
      } finally {
        stream.destroy();
      }
    }, undefined),
  );
}

/** Unpacks an archive below `path`. */
export function writeArchive(
  engine: Engine,
  containerId: string,
  path: string,
  archive: Buffer,
): Promise<void> {
  return engine.call(`write below ${path}`, async (abortSignal) => {
    await engine.docker.getContainer(containerId).putArchive(archive, { path, abortSignal });
  });
}

async function unlessMissing<T>(body: () => Promise<T>, missing: T): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (engineStatus(error) === 404) {
      return missing;
    }
    throw error;
  }
}
