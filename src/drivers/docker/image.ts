import type { Readable } from 'node:stream';
import type { ImageInspectInfo } from 'dockerode';
import { failedPrecondition } from '../../compute/errors.js';
import type { ImageApi, ImageInfo } from '../container/engine.js';
import { jsonLines } from '../container/json-lines.js';
import { type DockerClient, orMissing } from './api/client.js';
import { engineError, engineMessage, engineStatus } from './api/fault.js';
import { createPullProgress, type PullLine } from './pull-progress.js';

export interface DockerImage extends ImageInfo {
  readonly info: ImageInspectInfo;
}

export function createImageApi(client: DockerClient): ImageApi<DockerImage> {
  return {
    async inspect(reference, { signal }) {
      const info = await client.call(
        `image '${reference}'`,
        () => orMissing(undefined, client.docker.getImage(reference).inspect()),
        { signal, field: 'spec.template.image' },
      );
      return info && { Id: info.Id, Labels: info.Config.Labels ?? null, info };
    },
    async *pull(reference, _policy, { signal }) {
      try {
        const pulling = client.docker.pull(withTag(reference), { abortSignal: signal });
        const stream = (await pulling) as Readable;
        // Aborting the request ends it only until the answer begins.
        signal.addEventListener('abort', () => stream.destroy(), { once: true });
        const layers = createPullProgress();
        for await (const line of jsonLines<PullLine>(stream, 'Docker')) {
          if (line.error !== undefined) {
            throw failedPrecondition(line.error);
          }
          const detail = layers.add(line);
          if (detail !== undefined) {
            yield detail;
          }
        }
      } catch (error) {
        signal.throwIfAborted();
        throw engineStatus(error) === undefined
          ? engineError(error, `pull of image '${reference}'`)
          : failedPrecondition(engineMessage(error), { cause: error });
      }
      signal.throwIfAborted();
    },
  };
}

/** The engine takes a name without a tag for a wish to have all of them. */
function withTag(reference: string): string {
  return /[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`;
}
