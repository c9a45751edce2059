import { type ExecSandboxRequest, methods as wire } from '../../../wire/v00/index.js';
import type { Method } from '../../rpc/call.js';
import type { Services } from '../../services/services.js';
import { readInput, runExec } from '../exec-stream.js';
import { bidi, serverStream, unary } from '../method.js';
import { toCreateInput, toExecInput } from './from-wire.js';
import { toLogLine, toPlatformEvent, toSandbox, toWorkspace } from './to-wire.js';

/** The methods of openshell.v1.OpenShell that generation 0.0 has in its own way, over the services. */
export const v00Methods = (services: Services): Method[] => {
  const { sandboxes, workspaces, exec, logs, watch } = services;

  const sandbox = (record: Parameters<typeof toSandbox>[0]) => toSandbox(record, sandboxes.orphaned(record));

  return [
    unary(wire.createSandbox, async (request, { signal }) => ({
      sandbox: sandbox(await sandboxes.create(toCreateInput(request), signal)),
    })),
    unary(wire.getSandbox, async ({ workspace, name }) => ({
      sandbox: sandbox(await sandboxes.get(workspace, name)),
    })),
    unary(wire.listSandboxes, async (request) => ({
      sandboxes: (await sandboxes.list(request)).map(sandbox),
    })),
    unary(wire.deleteSandbox, async ({ workspace, name }) => {
      await sandboxes.delete(workspace, name);
      return { deleted: true };
    }),
    unary(wire.stopSandbox, async ({ workspace, name }) => ({
      sandbox: sandbox(await sandboxes.stop(workspace, name)),
    })),
    unary(wire.startSandbox, async ({ workspace, name }) => ({
      sandbox: sandbox(await sandboxes.start(workspace, name)),
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
                  payload: { case: 'sandbox', value: sandbox(item.record) },
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
    unary(wire.listWorkspaces, async (request) => ({
      workspaces: (await workspaces.list(request)).map(toWorkspace),
    })),
  ];
};
