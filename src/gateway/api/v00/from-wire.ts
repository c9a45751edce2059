import { Code, OpenShellError } from '../../../compute/errors.js';
import type { JsonObject } from '../../../compute/sandbox.js';
import type { StoredSandboxSpec } from '../../../store/model.js';
import type { CreateSandboxRequest, ExecSandboxRequest, SandboxSpec } from '../../../wire/v00/index.js';
import type { ExecInput } from '../../services/exec.js';
import type { CreateSandboxInput } from '../../services/sandboxes.js';

const refused = (field: string, what: string, hint: string): OpenShellError =>
  new OpenShellError(Code.FAILED_PRECONDITION, `${field} cannot be honoured by this gateway: ${what}`, {
    field,
    reason: 'NotSupported',
    hint,
  });

/** A create as the services take it. What cannot be honoured yet is refused by name, never dropped. */
export const toCreateInput = (request: CreateSandboxRequest): CreateSandboxInput => ({
  name: request.name,
  workspace: request.workspace,
  labels: { ...request.labels },
  annotations: { ...request.annotations },
  spec: toStoredSpec(request.spec),
});

const toStoredSpec = (spec: SandboxSpec | undefined): StoredSandboxSpec => {
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
  };
};

export const toExecInput = (request: ExecSandboxRequest, input: ExecInput['input']): ExecInput => ({
  sandboxId: request.sandboxId,
  command: request.command,
  workdir: request.workdir,
  environment: { ...request.environment },
  timeoutMs: request.timeoutSeconds * 1000,
  tty: request.tty,
  cols: request.cols,
  rows: request.rows,
  stdin: request.stdin,
  input,
});
