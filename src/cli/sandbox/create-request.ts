import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import type { Arguments } from '../../kit/arguments/parse.js';
import type { CreateSandboxRequestSchema } from '../../wire/v00/index.js';
import { readCount, readEnvironment, readJsonObject, readPairs, readSwitch } from '../arguments/values.js';
import { usageError } from '../failure.js';

const DRIVER_ANNOTATION = 'openshell.ai/compute-driver';
const MAX_GPUS = 1024;

/** The options of `sandbox create` as a request. */
export function createRequest(
  args: Arguments,
  workspace: string,
  env: NodeJS.ProcessEnv,
): MessageInitShape<typeof CreateSandboxRequestSchema> {
  const resources = limits(args);
  const gpu = args.text('gpu');
  const driverConfig = args.text('driver-config-json');
  return {
    name: args.text('name') ?? '',
    workspace,
    labels: readPairs('--label', args.list('label')),
    annotations: annotations(args),
    spec: {
      environment: readEnvironment('--env', args.list('env'), env),
      command: [...args.trailing],
      tty: readSwitch('tty', args.flag('tty'), args.flag('no-tty')),
      template: {
        image: args.text('from') ?? '',
        ...(resources && { resources }),
        ...(driverConfig !== undefined && {
          driverConfig: readJsonObject('--driver-config-json', driverConfig) as JsonObject,
        }),
      },
      ...(gpu !== undefined && { resourceRequirements: { gpu: gpuRequirements(gpu) } }),
    },
  };
}

function annotations(args: Arguments): Record<string, string> {
  const given = readPairs('--annotation', args.list('annotation'));
  const driver = args.text('driver');
  if (driver === undefined) {
    return given;
  }
  if (given[DRIVER_ANNOTATION] !== undefined && given[DRIVER_ANNOTATION] !== driver) {
    throw usageError(`--driver and --annotation ${DRIVER_ANNOTATION} contradict each other`);
  }
  return { ...given, [DRIVER_ANNOTATION]: driver };
}

/** Quantities are checked by the gateway, which knows what its drivers can do. */
function limits(args: Arguments): JsonObject | undefined {
  const cpu = args.text('cpu');
  const memory = args.text('memory');
  if (cpu === undefined && memory === undefined) {
    return undefined;
  }
  return { limits: { ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) } };
}

function gpuRequirements(text: string): { count?: number } {
  const count = readCount('--gpu', text || undefined, { min: 1, max: MAX_GPUS });
  return count === undefined ? {} : { count };
}
