import type { CreateSandboxRequest, ExecSandboxRequest } from '../../../wire/v00/index.js';
import type { ExecInput } from '../../services/exec.js';
import type { CreateSandboxInput } from '../../services/sandboxes.js';
import { toStoredSpec } from '../stored-spec.js';

/** A create as the services take it; this generation has no templates and no restarts. */
export function toCreateInput(request: CreateSandboxRequest): CreateSandboxInput {
  return {
    name: request.name,
    workspace: request.workspace,
    labels: { ...request.labels },
    annotations: { ...request.annotations },
    spec: toStoredSpec(request.spec, 'never'),
    template: '',
  };
}

export function toExecInput(request: ExecSandboxRequest, input: ExecInput['input']): ExecInput {
  return {
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
  };
}
