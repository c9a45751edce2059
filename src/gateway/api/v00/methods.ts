import type { SandboxRecord } from '../../../store/model.js';
import {
  type ExecSandboxRequest,
  SandboxSchema,
  WorkspaceSchema,
  methods as wire,
} from '../../../wire/v00/index.js';
import type { User } from '../../auth.js';
import type { Services } from '../../services/services.js';
import { readInput, runExec } from '../exec-stream.js';
import type { Method } from '../method.js';
import { bidi, serverStream, unary } from '../method.js';
import { list } from '../page.js';
import { environmentFor, type ShownEnvironment } from '../stored-spec.js';
import { toCreateInput, toExecInput } from './from-wire.js';
import { toLogLine, toPlatformEvent, toSandbox, toWorkspace } from './to-wire.js';

/** The methods of openshell.v1.OpenShell that generation 0.0 has in its own way, over the services. */
export const v00Methods = (services: Services): Method[] => {
  const { sandboxes, workspaces, exec, logs, watch } = services;

  const shown = (record: SandboxRecord, environment: ShownEnvironment) =>
    toSandbox(record, sandboxes.orphaned(record), environment);
  const sandbox = (record: SandboxRecord, user: User) => shown(record, environmentFor(user));
  const listed = {
    schema: SandboxSchema,
    toWire: (record: SandboxRecord) => shown(record, 'left-out'),
  };

  return [
    unary(wire.createSandbox, async (request, { signal, user }) => ({
      sandbox: sandbox(await sandboxes.create(toCreateInput(request), signal), user),
    })),
    unary(wire.getSandbox, async ({ workspace, name }, { user }) => ({
      sandbox: sandbox(await sandboxes.get(workspace, name), user),
    })),
    list(wire.listSandboxes, listed, (request) => sandboxes.list(request)),
    unary(wire.deleteSandbox, async ({ workspace, name }) => {
      await sandboxes.delete(workspace, name);
      return { deleted: true };
    }),
    unary(wire.stopSandbox, async ({ workspace, name }, { user }) => ({
      sandbox: sandbox(await sandboxes.stop(workspace, name), user),
    })),
    unary(wire.startSandbox, async ({ workspace, name }, { user }) => ({
      sandbox: sandbox(await sandboxes.start(workspace, name), user),
    })),
    serverStream(wire.watchSandbox, (request, { signal }, send) =>
      watch.watch(
        {
          sandboxId: request.id,
          followStatus: request.followStatus,
          followLogs: request.followLogs,
          followEvents: request.followEvents,
          logTail: request.logTailLines,
          eventTail: request.eventTail,
          stopOnTerminal: request.stopOnTerminal,
          logs: {
            sinceMs: Number(request.logSinceMs),
            sources: request.logSources,
            minLevel: request.logMinLevel,
          },
        },
        (item) => {
          switch (item.type) {
            case 'sandbox':
              return send(
                wire.watchSandbox.encodeResponse({
                  payload: { case: 'sandbox', value: shown(item.record, 'left-out') },
                }),
              );
            case 'log':
              return send(
                wire.watchSandbox.encodeResponse({ payload: { case: 'log', value: toLogLine(item.line) } }),
              );
            case 'event':
              return send(
                wire.watchSandbox.encodeResponse({
                  payload: { case: 'event', value: toPlatformEvent(item.event) },
                }),
              );
          }
        },
        signal,
      ),
    ),
    serverStream(wire.execSandbox, (request, { signal }, send) =>
      runExec(exec, toExecInput(request, undefined), send, signal),
    ),
    bidi(wire.execSandboxInteractive, async (requests, { signal }, send) => {
      const { start, input } = await readInput<ExecSandboxRequest>(requests);
      await runExec(exec, toExecInput(start, input), send, signal);
    }),
    unary(wire.getSandboxLogs, async (request, { signal }) => {
      const record = await sandboxes.getById(request.sandboxId);
      const { lines, total } = await logs.tail(
        record,
        request.lines,
        { sinceMs: Number(request.sinceMs), sources: request.sources, minLevel: request.minLevel },
        signal,
      );
      return { logs: lines.map(toLogLine), bufferTotal: total };
    }),
    unary(wire.getSandboxConfig, async ({ sandboxId }) => {
      const record = await sandboxes.getById(sandboxId);
      return { workspace: record.workspace, policyValidationFailureMode: 'fail_closed' };
    }),
    list(wire.listWorkspaces, { schema: WorkspaceSchema, toWire: toWorkspace }, (request) =>
      workspaces.list(request),
    ),
  ];
};
