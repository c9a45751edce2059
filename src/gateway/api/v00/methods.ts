import {
  type CreateSandboxRequest,
  type ExecSandboxRequest,
  SandboxSchema,
  WorkspaceSchema,
  methods as wire,
} from '../../../wire/v00/index.js';
import type { ExecInput } from '../../services/exec.js';
import type { CreateSandboxInput } from '../../services/sandboxes.js';
import type { Services } from '../../services/services.js';
import { readInput, runExec } from '../exec-stream.js';
import type { Method } from '../method.js';
import { bidi, serverStream, unary } from '../method.js';
import { list } from '../page.js';
import { sandboxEncoders } from '../shared/sandbox.js';
import { toWatchInput, toWatchPayload } from '../shared/watch.js';
import { toStoredSpec } from '../stored-spec.js';
import { toLogLine, toPlatformEvent, toSandbox, toWorkspace } from './to-wire.js';

/** The methods of openshell.v1.OpenShell that differ in generation 0.0, mapped onto the services. */
export function v00Methods(services: Services): Method[] {
  const { sandboxes, workspaces, exec, logs, watch } = services;

  const { sandbox, withoutEnvironment } = sandboxEncoders(sandboxes, toSandbox);
  const watched = { sandbox: withoutEnvironment, log: toLogLine, event: toPlatformEvent };

  return [
    unary(wire.createSandbox, async (request, caller) => ({
      sandbox: sandbox(await sandboxes.create(caller, toCreateInput(request)), caller),
    })),
    unary(wire.getSandbox, async ({ workspace, name }, caller) => ({
      sandbox: sandbox(await sandboxes.get(caller, workspace, name), caller),
    })),
    list(wire.listSandboxes, { schema: SandboxSchema, toWire: withoutEnvironment }, (request, caller) =>
      sandboxes.list(caller, request),
    ),
    unary(wire.deleteSandbox, async ({ workspace, name }, caller) => {
      const { id } = await sandboxes.delete(caller, workspace, name);
      await sandboxes.gone(id, caller.signal);
      return { deleted: true };
    }),
    unary(wire.stopSandbox, async ({ workspace, name }, caller) => ({
      sandbox: sandbox(await sandboxes.stop(caller, workspace, name), caller),
    })),
    unary(wire.startSandbox, async ({ workspace, name }, caller) => ({
      sandbox: sandbox(await sandboxes.start(caller, workspace, name), caller),
    })),
    serverStream(wire.watchSandbox, (request, caller, send) =>
      watch.watch(caller, toWatchInput(request, request.id, Number(request.logSinceMs)), (item) =>
        send(wire.watchSandbox.encodeResponse({ payload: toWatchPayload(item, watched) })),
      ),
    ),
    serverStream(wire.execSandbox, (request, caller, send) =>
      runExec(exec, caller, toExecInput(request, undefined), send),
    ),
    bidi(wire.execSandboxInteractive, async (requests, caller, send) => {
      const { start, input } = await readInput<ExecSandboxRequest>(requests);
      await runExec(exec, caller, toExecInput(start, input), send);
    }),
    unary(wire.getSandboxLogs, async (request, caller) => {
      const record = await sandboxes.getById(caller, request.sandboxId);
      const { lines, total } = await logs.tail(caller, record, request.lines, {
        sinceMs: Number(request.sinceMs),
        sources: request.sources,
        minLevel: request.minLevel,
      });
      return { logs: lines.map(toLogLine), bufferTotal: total };
    }),
    unary(wire.getSandboxConfig, async ({ sandboxId }, caller) => {
      const record = await sandboxes.getById(caller, sandboxId);
      return { workspace: record.workspace, policyValidationFailureMode: 'fail_closed' };
    }),
    list(wire.listWorkspaces, { schema: WorkspaceSchema, toWire: toWorkspace }, (request, caller) =>
      workspaces.list(caller, request),
    ),
  ];
}

/** This generation has no templates and no restarts. */
function toCreateInput(request: CreateSandboxRequest): CreateSandboxInput {
  return {
    name: request.name,
    workspace: request.workspace,
    labels: { ...request.labels },
    annotations: { ...request.annotations },
    spec: toStoredSpec(request.spec, 'never'),
    template: '',
  };
}

function toExecInput(request: ExecSandboxRequest, input: ExecInput['input']): ExecInput {
  return { ...request, timeoutMs: request.timeoutSeconds * 1000, input };
}
