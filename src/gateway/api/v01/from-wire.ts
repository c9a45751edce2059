import { type Duration, type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { invalidArgument } from '../../../compute/errors.js';
import type { JsonObject } from '../../../compute/sandbox.js';
import type { RestartPolicy } from '../../../store/model.js';
import {
  type CreateSandboxRequest,
  type CreateSandboxTemplateRequest,
  type ExecSandboxRequest,
  SandboxRestartPolicy,
  type WorkspaceSelector,
} from '../../../wire/v01/index.js';
import type { ExecInput } from '../../services/exec.js';
import type { CreateSandboxInput } from '../../services/sandboxes.js';
import type { CreateTemplateInput } from '../../services/templates.js';
import { refused, toStoredSpec } from '../stored-spec.js';

const SCOPE = 'workspace_scope';

/** The workspaces of a list request. INVALID_ARGUMENT when nothing is selected. */
export function toScope(scope: WorkspaceSelector | undefined): { workspace: string; allWorkspaces: boolean } {
  const selection = scope?.selection;
  if (selection?.case === 'allWorkspaces') {
    return { workspace: '', allWorkspaces: true };
  }
  if (selection?.case === 'workspace' && selection.value !== '') {
    return { workspace: selection.value, allWorkspaces: false };
  }
  throw invalidArgument(`${SCOPE} selects nothing`, { field: SCOPE, hint: 'name a workspace' });
}

/** The workspace of a request that needs exactly one. */
export function toWorkspaceName(scope: WorkspaceSelector | undefined): string {
  const { workspace, allWorkspaces } = toScope(scope);
  if (!allWorkspaces) {
    return workspace;
  }
  throw invalidArgument(`${SCOPE} selects all workspaces, but this request needs one`, {
    field: `${SCOPE}.all_workspaces`,
    hint: 'name a workspace',
  });
}

export function toCreateInput(request: CreateSandboxRequest): CreateSandboxInput {
  if (request.awaitMainProcessAttachment) {
    throw refused('await_main_process_attachment', 'it cannot attach to a main process', 'leave it out');
  }
  if (request.serviceExposures.length > 0) {
    throw refused('service_exposures', 'it does not forward ports', 'leave them out');
  }
  if (request.spec !== undefined && request.spec.providerAttachmentEpoch !== '') {
    throw refused('spec.provider_attachment_epoch', 'it does not support providers', 'leave it out');
  }
  return {
    name: request.name,
    workspace: toWorkspaceName(request.workspaceScope),
    labels: { ...request.labels },
    annotations: { ...request.annotations },
    spec: toStoredSpec(request.spec, toRestartPolicy(request.spec?.restartPolicy)),
    template: request.workloadTemplate,
  };
}

function toRestartPolicy(policy: SandboxRestartPolicy | undefined): RestartPolicy {
  switch (policy) {
    case undefined:
    case SandboxRestartPolicy.UNSPECIFIED:
    case SandboxRestartPolicy.NEVER:
      return 'never';
    case SandboxRestartPolicy.ON_FAILURE:
      return 'on-failure';
    case SandboxRestartPolicy.ALWAYS:
      return 'always';
    default:
      throw invalidArgument(`spec.restart_policy ${policy} is unknown`, {
        field: 'spec.restart_policy',
        hint: 'use never, on failure or always',
      });
  }
}

/** Commands never run in a login shell, whether or not the request asks for one. */
export function toExecInput(
  request: ExecSandboxRequest,
  sandboxId: string,
  input: ExecInput['input'],
): ExecInput {
  if (request.requestId !== '') {
    throw refused('request_id', 'it does not store the output of commands', 'leave it out');
  }
  return { ...request, sandboxId, timeoutMs: toTimeoutMs(request.executionTimeout), input };
}

function toTimeoutMs(timeout: Duration | undefined): number {
  if (timeout === undefined) {
    return 0;
  }
  // Rounded up, because 0 means no timeout.
  const ms = Number(timeout.seconds) * 1000 + Math.ceil(timeout.nanos / 1_000_000);
  if (ms >= 0) {
    return ms;
  }
  throw invalidArgument('execution_timeout is negative', { field: 'execution_timeout' });
}

/** 0: no lower bound. */
export function toSinceMs(time: Timestamp | undefined): number {
  return time === undefined ? 0 : Math.floor(timestampMs(time));
}

export function toTemplateInput({
  template,
  workspaceScope,
}: CreateSandboxTemplateRequest): CreateTemplateInput {
  const spec = template?.spec;
  const workload = spec?.workload;
  if (template === undefined || workload === undefined) {
    const field = template === undefined ? 'template' : 'template.spec.workload';
    throw invalidArgument(`${field} is required`, { field });
  }
  if (spec?.desiredServiceLevel !== undefined) {
    throw refused('template.spec.desired_service_level', 'it has no pool of ready sandboxes', 'leave it out');
  }
  const gpu = workload.resources?.gpu;
  return {
    name: template.metadata?.name ?? '',
    workspace: toWorkspaceName(workspaceScope),
    labels: { ...template.metadata?.labels },
    annotations: { ...template.metadata?.annotations },
    image: workload.image,
    environment: { ...workload.environment },
    cpu: workload.resources?.cpu ?? '',
    memory: workload.resources?.memory ?? '',
    gpu: gpu && { count: gpu.count },
    driverConfig: spec?.driverConfig as JsonObject | undefined,
  };
}
