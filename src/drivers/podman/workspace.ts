import type { CallOptions } from '../../compute/driver.js';
import { failedPrecondition } from '../../compute/errors.js';
import { directoryTar } from '../container/tar.js';
import type { PodmanClient } from './api/client.js';

const DEFAULT_MODE = 0o755;
export const SHELL = '/bin/sh';
/** A look into a container that does not run costs the engine a mount: an image is looked into once. */
const MAX_IMAGES_KNOWN = 1_000;

interface ImageFacts {
  readonly workspaceMode: number | undefined;
  readonly shell: boolean;
}

export interface Workspaces {
  /**
   * Sees to it that the workspace path belongs to the container's user, before the container's first start. The engine
   * itself makes a path that the image lacks. FAILED_PRECONDITION `NoIdleCommand` when the container is to idle and the
   * image has no shell to do it with.
   */
  prepare(
    container: {
      readonly id: string;
      readonly imageId: string;
      readonly idle: boolean;
      readonly mapped: boolean;
    },
    options: CallOptions,
  ): Promise<void>;
}

export function createWorkspaces(client: PodmanClient, path: string): Workspaces {
  const known = new Map<string, ImageFacts>();

  async function look(id: string, imageId: string, options: CallOptions): Promise<ImageFacts> {
    const found = known.get(imageId);
    if (found !== undefined) {
      return found;
    }
    const facts = {
      workspaceMode: await client.pathMode(id, path, options),
      shell: (await client.pathMode(id, SHELL, options)) !== undefined,
    };
    if (known.size >= MAX_IMAGES_KNOWN) {
      known.clear();
    }
    known.set(imageId, facts);
    return facts;
  }

  return {
    async prepare({ id, imageId, idle, mapped }, options) {
      const { workspaceMode, shell } = await look(id, imageId, options);
      if (idle && !shell) {
        throw failedPrecondition('the image has no /bin/sh for the sandbox to idle with', {
          reason: 'NoIdleCommand',
          field: 'spec.command',
          hint: 'give the sandbox a command of its own',
        });
      }
      // In a user namespace with a map the engine makes the path with the wrong owner.
      if (workspaceMode === undefined && !mapped) {
        return;
      }
      // Podman makes the container's user the owner of what is unpacked, whatever the archive says.
      const tar = directoryTar(path.slice(1), { uid: 0, gid: 0, mode: workspaceMode ?? DEFAULT_MODE });
      await client.putArchive(id, '/', tar, options);
    },
  };
}
