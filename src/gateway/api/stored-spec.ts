import { failedPrecondition, type OpenShellError } from '../../compute/errors.js';
import type { JsonObject } from '../../compute/sandbox.js';
import type { RestartPolicy, StoredSandboxSpec } from '../../store/model.js';
import { HIDDEN, hideDriverSecrets } from '../../store/secrets.js';
import type { Caller } from '../auth/principal.js';

/** The fields of SandboxSpec that both generations have. */
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

/** FAILED_PRECONDITION for a field that this gateway cannot honour. */
export function refused(field: string, what: string, hint: string): OpenShellError {
  const message = `${field} cannot be honoured by this gateway: ${what}`;
  return failedPrecondition(message, { field, reason: 'NotSupported', hint });
}

/** The spec to store. Fields that cannot be honoured yet are refused by name, never dropped. */
export function toStoredSpec(spec: WireSpec | undefined, restartPolicy: RestartPolicy): StoredSandboxSpec {
  if (spec?.policy !== undefined) {
    throw refused('spec.policy', 'nothing inside the sandbox enforces it', 'leave the policy out');
  }
  if (spec !== undefined && spec.providers.length > 0) {
    const hint = 'leave them out and set spec.environment instead';
    throw refused('spec.providers', 'it does not support providers', hint);
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
    gpu: gpu && { count: gpu.count },
    command: [...(spec?.command ?? [])],
    tty: spec?.tty ?? false,
    restartPolicy,
  };
}

/** The fields of SandboxSpec that both generations have. Secrets in the driver's configuration are never shown. */
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
      resources: template.resources,
      userNamespaces: template.userNamespaces,
      driverConfig: toWireDriverConfig(template.driverConfig),
    },
    resourceRequirements: spec.gpu && { gpu: spec.gpu },
    command: [...spec.command],
    tty: spec.tty,
  };
}

/** With its values, with its names only, or not at all, as in lists and watches, which many callers see. */
export type ShownEnvironment = 'shown' | 'hidden' | 'left-out';

/**
 * How a caller sees the environment of an object that it may read. Callers that may exec in a sandbox can read it
 * anyway; for now these are all users, because every user is an administrator.
 */
export function environmentFor({ principal }: Caller): ShownEnvironment {
  return principal.kind === 'user' && principal.roles.includes('platform_admin') ? 'shown' : 'hidden';
}

export function toWireEnvironment(
  environment: Readonly<Record<string, string>>,
  how: ShownEnvironment,
): Readonly<Record<string, string>> {
  if (how === 'left-out') {
    return {};
  }
  return how === 'shown'
    ? environment
    : Object.fromEntries(Object.keys(environment).map((name) => [name, HIDDEN]));
}

export function toWireDriverConfig(config: JsonObject | undefined): JsonObject | undefined {
  return config && hideDriverSecrets(config);
}
