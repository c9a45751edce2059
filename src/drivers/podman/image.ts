import { failedPrecondition } from '../../compute/errors.js';
import type { ImageApi, ImageInfo } from '../container/engine.js';
import type { PodmanClient } from './api/client.js';

export function createImageApi(client: PodmanClient): ImageApi<ImageInfo> {
  return {
    inspect: (reference, options) => client.inspectImage(reference, options),
    async *pull(reference, policy, options) {
      for await (const { stream, error } of client.pullImage(reference, policy, options)) {
        if (error !== undefined) {
          throw failedPrecondition(error);
        }
        const detail = stream?.trim();
        if (detail) {
          yield detail;
        }
      }
    },
  };
}
