import { invalidArgument } from '../../compute/errors.js';
import type { DriverSandbox, JsonObject, SandboxRef, SandboxResources } from '../../compute/sandbox.js';
import type { SandboxRecord } from '../../store/model.js';

/** Identifies an existing sandbox to its driver, without the rest of the row, such as the environment. */
export function refOf({ id, name, workspace }: SandboxRef): SandboxRef {
  return { id, name, workspace };
}

/** The sandbox for its driver. INVALID_ARGUMENT when `resources` or `driver_config` has the wrong form. */
export function toDriverSandbox(
  record: Pick<SandboxRecord, 'id' | 'name' | 'workspace' | 'driver' | 'spec'>,
  namespace: string,
): DriverSandbox {
  const { template } = record.spec;
  const { resources, rest } = splitResources(template.resources);
  const platformConfig: JsonObject = {};
  if (rest !== undefined) {
    platformConfig.resources_raw = rest;
  }
  if (template.runtimeClassName !== '') {
    platformConfig.runtime_class_name = template.runtimeClassName;
  }
  if (Object.keys(template.annotations).length > 0) {
    platformConfig.annotations = { ...template.annotations };
  }
  if (template.userNamespaces !== undefined) {
    platformConfig.host_users = !template.userNamespaces;
  }
  return {
    id: record.id,
    name: record.name,
    workspace: record.workspace,
    namespace,
    spec: {
      logLevel: record.spec.logLevel,
      environment: record.spec.environment,
      template: {
        image: template.image,
        labels: template.labels,
        environment: template.environment,
        resources,
        platformConfig,
        driverConfig: driverConfigOf(template.driverConfig, record.driver),
      },
      gpu: record.spec.gpu,
      command: record.spec.command,
      tty: record.spec.tty,
    },
  };
}

function driverConfigOf(all: JsonObject | undefined, driver: string): JsonObject {
  const own = all?.[driver];
  if (own === undefined) {
    return {};
  }
  if (own === null || typeof own !== 'object' || Array.isArray(own)) {
    const field = `spec.template.driver_config.${driver}`;
    throw invalidArgument(`${field} must be an object`, { field });
  }
  return own;
}

const QUANTITIES = ['cpu', 'memory'] as const;

function splitResources(given: JsonObject | undefined): {
  resources: SandboxResources;
  rest: JsonObject | undefined;
} {
  const found: Record<string, string> = {};
  const rest: JsonObject = {};
  for (const [group, values] of Object.entries(given ?? {})) {
    if ((group !== 'limits' && group !== 'requests') || values === null || typeof values !== 'object') {
      rest[group] = values;
      continue;
    }
    const others: JsonObject = {};
    for (const [name, value] of Object.entries(values)) {
      if (!(QUANTITIES as readonly string[]).includes(name)) {
        others[name] = value;
      } else if (typeof value === 'string' || typeof value === 'number') {
        found[`${group}.${name}`] = String(value);
      } else {
        const field = `spec.template.resources.${group}.${name}`;
        throw invalidArgument(`${field} must be a quantity such as "500m" or "1Gi"`, { field });
      }
    }
    if (Object.keys(others).length > 0) {
      rest[group] = others;
    }
  }
  return {
    resources: {
      cpuRequest: found['requests.cpu'] ?? '',
      cpuLimit: found['limits.cpu'] ?? '',
      memoryRequest: found['requests.memory'] ?? '',
      memoryLimit: found['limits.memory'] ?? '',
    },
    rest: Object.keys(rest).length === 0 ? undefined : rest,
  };
}
