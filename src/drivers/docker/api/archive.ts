import type { Readable } from 'node:stream';
import { type FirstEntry, firstTarEntry } from '../../container/tar.js';
import { type DockerClient, orMissing } from './client.js';

/** No file that is read here is larger; more of it is not looked at. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Whether a path exists in a container, running or not. A symbolic link counts, whatever it points at. */
export function pathExists(client: DockerClient, containerId: string, path: string): Promise<boolean> {
  return client.call(`look for ${path}`, (abortSignal) =>
    orMissing(
      false,
      client.docker
        .getContainer(containerId)
        .infoArchive({ path, abortSignal })
        .then(() => true),
    ),
  );
}

/** Owner, mode and content of a file, or of a directory itself; undefined when it does not exist. */
export function readPath(
  client: DockerClient,
  containerId: string,
  path: string,
): Promise<FirstEntry | undefined> {
  return client.call(`read of ${path}`, async (abortSignal) => {
    const reading = client.docker.getContainer(containerId).getArchive({ path, abortSignal });
    const stream = (await orMissing(undefined, reading)) as Readable | undefined;
    try {
      return stream && (await firstTarEntry(stream, MAX_FILE_BYTES));
    } finally {
      stream?.destroy();
    }
  });
}

/** Unpacks an archive below `path`. */
export function writeArchive(
  client: DockerClient,
  containerId: string,
  path: string,
  archive: Buffer,
): Promise<void> {
  return client.call(`write below ${path}`, async (abortSignal) => {
    await client.docker.getContainer(containerId).putArchive(archive, { path, abortSignal });
  });
}
