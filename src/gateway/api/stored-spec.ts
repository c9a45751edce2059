import { Code, OpenShellError } from '../../compute/errors.js';
import type { JsonObject } from '../../compute/sandbox.js';
import type { RestartPolicy, StoredSandboxSpec } from '../../store/model.js';
import { hideDriverSecrets } from '../../store/secrets.js';
import type { Caller } from '../auth/principal.js';
import { hideValues, maySeeSecrets } from '../services/secrets.js';

/** What a SandboxSpec of any generation has. */
interface WireSpec {
  readonly logLevel: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly template?:
    | {
        readonly image: string;
        readonly runtimeClassName: string;
        readonly agentSocket: string;
        readonly labels: Readonly<Record<string, string>>;
        readonly annotations: Readonly<Record<string, string>>;
        readonly environment: Readonly<Record<string, string>>;
        readonly resources?: object | undefined;
        readonly userNamespaces?: boolean | undefined;
        readonly driverConfig?: object | undefined;
      }
    | undefined;
  readonly policy?: object | undefined;
  readonly providers: readonly string[];
  readonly resourceRequirements?:
    | { readonly gpu?: { readonly count?: number | undefined } | undefined }
    | undefined;
  readonly command: readonly string[];
  readonly tty: boolean;
}

/** FAILED_PRECONDITION that names what the request asks for and this gateway cannot give. */
export function refused(field: string, what: string, hint: string): OpenShellError {
  return new OpenShellError(
    Code.FAILED_PRECONDITION,
    `${field} cannot be honoured by this gateway: ${what}`,
    {
      field,
      reason: 'NotSupported',
      hint,
    },
  );
}

/** A spec as it is stored. What cannot be honoured yet is refused by name, never dropped. */
export function toStoredSpec(spec: WireSpec | undefined, restartPolicy: RestartPolicy): StoredSandboxSpec {
  if (spec?.policy !== undefined) {
    throw refused('spec.policy', 'nothing inside the sandbox enforces it', 'leave the policy out');
  }
  if (spec !== undefined && spec.providers.length > 0) {
    throw refused(
      'spec.providers',
      'it serves no providers',
      'leave them out and set spec.environment instead',
    );
  }
  const template = spec?.template;
  if (template !== undefined && template.agentSocket !== '') {
    throw refused('spec.template.agent_socket', 'sandboxes have no agent socket', 'leave it out');
  }
  const gpu = spec?.resourceRequirements?.gpu;
  return {
    logLevel: spec?.logLevel ?? '',
    environment: { ...spec?.environment },
    template: {
      image: template?.image ?? '',
      runtimeClassName: template?.runtimeClassName ?? '',
      labels: { ...template?.labels },
      annotations: { ...template?.annotations },
      environment: { ...template?.environment },
      resources: template?.resources as JsonObject | undefined,
      userNamespaces: template?.userNamespaces,
      driverConfig: template?.driverConfig as JsonObject | undefined,
    },
    gpu: gpu === undefined ? undefined : { count: gpu.count },
    command: [...(spec?.command ?? [])],
    tty: spec?.tty ?? false,
    restartPolicy,
  };
}

/** A stored spec as both generations write it. What its driver takes as a secret is never shown. */
export function toWireSpec(spec: StoredSandboxSpec, environment: ShownEnvironment) {
  const { template } = spec;
  return {
    logLevel: spec.logLevel,
    environment: toWireEnvironment(spec.environment, environment),
    template: {
      image: template.image,
      runtimeClassName: template.runtimeClassName,
      labels: template.labels,
      annotations: template.annotations,
      environment: toWireEnvironment(template.environment, environment),
      ...(template.resources === undefined ? {} : { resources: template.resources }),
      ...(template.userNamespaces === undefined ? {} : { userNamespaces: template.userNamespaces }),
      ...toWireDriverConfig(template.driverConfig),
    },
    ...(spec.gpu === undefined ? {} : { resourceRequirements: { gpu: toWireGpu(spec.gpu) } }),
    command: [...spec.command],
    tty: spec.tty,
  };
}

/** As it is, its names alone, or nothing of it: lists and watches, which many see, leave it out. */
export type ShownEnvironment = 'shown' | 'hidden' | 'left-out';

export function environmentFor(caller: Caller): ShownEnvironment {
  return maySeeSecrets(caller) ? 'shown' : 'hidden';
}

export function toWireEnvironment(
  environment: Readonly<Record<string, string>>,
  how: ShownEnvironment,
): Readonly<Record<string, string>> {
  if (how === 'left-out') {
    return {};
  }
  return how === 'shown' ? environment : hideValues(environment);
}

export function toWireDriverConfig(config: JsonObject | undefined): { driverConfig?: JsonObject } {
  return config === undefined ? {} : { driverConfig: hideDriverSecrets(config) };
}

export function toWireGpu(gpu: NonNullable<StoredSandboxSpec['gpu']>): { count?: number } {
  return gpu.count === undefined ? {} : { count: gpu.count };
}
