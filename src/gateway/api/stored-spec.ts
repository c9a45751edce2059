import { Code, OpenShellError } from '../../compute/errors.js';
import type { JsonObject } from '../../compute/sandbox.js';
import type { RestartPolicy, StoredSandboxSpec } from '../../store/model.js';

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
export const refused = (field: string, what: string, hint: string): OpenShellError =>
  new OpenShellError(Code.FAILED_PRECONDITION, `${field} cannot be honoured by this gateway: ${what}`, {
    field,
    reason: 'NotSupported',
    hint,
  });

/** A spec as it is stored. What cannot be honoured yet is refused by name, never dropped. */
export const toStoredSpec = (spec: WireSpec | undefined, restartPolicy: RestartPolicy): StoredSandboxSpec => {
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
};

/** A stored spec as both generations write it. */
export const toWireSpec = (spec: StoredSandboxSpec) => {
  const { template } = spec;
  return {
    logLevel: spec.logLevel,
    environment: spec.environment,
    template: {
      image: template.image,
      runtimeClassName: template.runtimeClassName,
      labels: template.labels,
      annotations: template.annotations,
      environment: template.environment,
      ...(template.resources === undefined ? {} : { resources: template.resources }),
      ...(template.userNamespaces === undefined ? {} : { userNamespaces: template.userNamespaces }),
      ...(template.driverConfig === undefined ? {} : { driverConfig: template.driverConfig }),
    },
    ...(spec.gpu === undefined ? {} : { resourceRequirements: { gpu: toWireGpu(spec.gpu) } }),
    command: [...spec.command],
    tty: spec.tty,
  };
};

export const toWireGpu = (gpu: NonNullable<StoredSandboxSpec['gpu']>): { count?: number } =>
  gpu.count === undefined ? {} : { count: gpu.count };
