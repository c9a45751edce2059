import { posix } from 'node:path';
import type { ImageInspectInfo } from 'dockerode';
import { failedPrecondition } from '../../compute/errors.js';
import { type NumericUser, userFromFiles, userFromNumbers } from '../container/image-user.js';
import { directoryTar } from '../container/tar.js';
import { pathExists, readPath, writeArchive } from './api/archive.js';
import type { DockerClient } from './api/client.js';
import type { Plan } from './container-spec.js';
import { HELPER_LABEL } from './names.js';
import { removeContainer } from './removal.js';

const DEFAULT_MODE = 0o755;
/** An image is looked into once. */
const MAX_IMAGES_KNOWN = 1_000;

/** What a container that was just made from an image shows. */
interface ImageFacts {
  readonly shell: boolean;
  readonly user: NumericUser;
  /** Permission bits of the workspace path, and whether it belongs to the user already. */
  readonly workspace: { readonly mode: number; readonly owned: boolean };
}

export interface Workspaces {
  /**
   * Before a container's first start: sees to it that its workspace path belongs to its user. FAILED_PRECONDITION
   * `NoIdleCommand` when it is to idle and its image has no shell to do it with.
   */
  prepare(containerId: string, image: ImageInspectInfo, plan: Plan): Promise<void>;
}

export function createWorkspaces(client: DockerClient, path: string): Workspaces {
  const known = new Map<string, ImageFacts>();

  async function userOf(containerId: string, user: string): Promise<NumericUser> {
    const plain = userFromNumbers(user);
    if (plain !== undefined) {
      return plain;
    }
    const [passwd, group] = await Promise.all(
      ['/etc/passwd', '/etc/group'].map(async (file) =>
        (await readPath(client, containerId, file))?.content.toString('utf8'),
      ),
    );
    const found = userFromFiles(user, passwd ?? '', group ?? '');
    if (found !== undefined) {
      return found;
    }
    throw failedPrecondition(`the image's user '${user}' is not in its /etc/passwd or /etc/group`, {
      reason: 'UnknownImageUser',
      field: 'spec.template.image',
    });
  }

  async function look(containerId: string, image: ImageInspectInfo): Promise<ImageFacts> {
    const found = known.get(image.Id);
    if (found !== undefined) {
      return found;
    }
    const [shell, user, workspace] = await Promise.all([
      pathExists(client, containerId, '/bin/sh'),
      userOf(containerId, image.Config.User),
      readPath(client, containerId, path),
    ]);
    const facts = {
      shell,
      user,
      workspace: {
        mode: workspace === undefined ? DEFAULT_MODE : workspace.mode,
        owned: workspace?.uid === user.uid && workspace.gid === user.gid,
      },
    };
    if (known.size >= MAX_IMAGES_KNOWN) {
      known.clear();
    }
    known.set(image.Id, facts);
    return facts;
  }

  /** The engine writes only where the root can be written: a second container lends its root to the volume. */
  async function giveVolume(image: ImageInspectInfo, plan: Plan, archive: Buffer): Promise<void> {
    const helper = await client.call('helper for the workspace', (abortSignal) =>
      client.docker.createContainer({
        name: `${plan.container.name}-helper`,
        Image: image.Id,
        Entrypoint: ['/'],
        Labels: { ...plan.labels, [HELPER_LABEL]: 'true' },
        HostConfig: { NetworkMode: 'none', Mounts: plan.container.HostConfig?.Mounts },
        abortSignal,
      }),
    );
    try {
      await writeArchive(client, helper.id, posix.dirname(path), archive);
    } finally {
      await removeContainer(client, helper.id);
    }
  }

  return {
    async prepare(containerId, image, plan) {
      const { shell, user, workspace } = await look(containerId, image);
      if (plan.idle && !shell) {
        throw failedPrecondition('the image has no /bin/sh for the sandbox to idle with', {
          reason: 'NoIdleCommand',
          field: 'spec.command',
          hint: 'give the sandbox a command of its own',
        });
      }
      if (workspace.owned) {
        return;
      }
      const archive = directoryTar(posix.basename(path), { ...user, mode: workspace.mode });
      if (plan.workspaceVolume !== undefined) {
        await giveVolume(image, plan, archive);
      } else {
        await writeArchive(client, containerId, posix.dirname(path), archive);
      }
    },
  };
}
