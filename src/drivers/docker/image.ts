import type { Readable } from 'node:stream';
import type { ImageInspectInfo } from 'dockerode';
import type { CallOptions } from '../../compute/driver.js';
import { Code, failedPrecondition, type OpenShellError } from '../../compute/errors.js';
import { jsonLines } from '../container/json-lines.js';
import type { Engine } from './engine.js';
import { engineError, engineMessage, engineStatus } from './engine-errors.js';
import { createPullProgress, type PullLine } from './pull-progress.js';
import { progress, type Report } from './report.js';
import type { PullPolicy } from './settings.js';

/** A pull may take long, but not for ever. */
const PULL_TIMEOUT_MS = 30 * 60_000;
/** How often progress of a pull is told. */
const REPORT_EVERY_MS = 500;

/** The image, pulled as the policy says, with progress on the way. Failures carry the reason `ImagePullFailed`. */
export async function ensureImage(
  engine: Engine,
  reference: string,
  policy: PullPolicy,
  report: Report,
  { signal }: CallOptions,
): Promise<ImageInspectInfo> {
  const present = policy === 'always' ? undefined : await inspectImage(engine, reference, signal);
  if (present !== undefined) {
    report(imagePresent(reference));
    return present;
  }
  if (policy === 'never') {
    throw failedPrecondition(`the image '${reference}' is not on the engine and may not be pulled`, {
      reason: 'ImagePullFailed',
      field: 'spec.template.image',
      hint: 'load it with docker pull, or set image_pull_policy to missing',
    });
  }
  report(progress('Pulling', `pulling the image ${reference}`, 'pulling_image', { detail: reference }));
  await pull(engine, reference, report, signal);
  const pulled = await inspectImage(engine, reference, signal);
  if (pulled === undefined) {
    throw pullFailed(reference, 'the engine says it did, and has no such image');
  }
  report(imagePresent(reference));
  return pulled;
}

function imagePresent(reference: string) {
  return progress('ImagePresent', `the image ${reference} is there`, 'pulling_image', {
    done: `Image ${reference}`,
  });
}

function inspectImage(engine: Engine, reference: string, signal: AbortSignal) {
  return engine.call(
    `image '${reference}'`,
    async () => {
      try {
        return await engine.docker.getImage(reference).inspect();
      } catch (error) {
        if (engineStatus(error) === 404) {
          return undefined;
        }
        throw error;
      }
    },
    { signal, field: 'spec.template.image' },
  );
}

function pull(engine: Engine, reference: string, report: Report, signal: AbortSignal): Promise<void> {
  return engine.call(
    `pull of image '${reference}'`,
    async (abortSignal) => {
      try {
        const stream = (await engine.docker.pull(withTag(reference), { abortSignal })) as Readable;
        // Aborting the request ends it only until the answer begins.
        abortSignal.addEventListener('abort', () => stream.destroy(), { once: true });
        await followPull(stream, reference, report);
        abortSignal.throwIfAborted();
      } catch (error) {
        abortSignal.throwIfAborted();
        const known = engineError(error, `pull of image '${reference}'`);
        throw known.reason === 'ImagePullFailed' || known.code === Code.UNAVAILABLE
          ? known
          : pullFailed(reference, engineMessage(error), error);
      }
    },
    { signal, timeoutMs: PULL_TIMEOUT_MS },
  );
}

async function followPull(stream: Readable, reference: string, report: Report) {
  const sums = createPullProgress();
  let reportedAt = Number.NEGATIVE_INFINITY;
  for await (const line of jsonLines<PullLine>(stream, 'Docker')) {
    if (line.error !== undefined) {
      throw pullFailed(reference, line.error);
    }
    const detail = sums.add(line);
    if (detail === undefined || performance.now() - reportedAt < REPORT_EVERY_MS) {
      continue;
    }
    reportedAt = performance.now();
    report(progress('PullingLayer', detail, 'pulling_image', { detail }));
  }
}

/** The engine takes a name without a tag for a wish to have all of them. */
function withTag(reference: string): string {
  return /[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`;
}

function pullFailed(reference: string, why: string, cause?: unknown): OpenShellError {
  return failedPrecondition(`the image '${reference}' cannot be pulled: ${why}`, {
    reason: 'ImagePullFailed',
    field: 'spec.template.image',
    hint: 'check the name and the registry, or load the image on the host with docker pull',
    cause,
  });
}
