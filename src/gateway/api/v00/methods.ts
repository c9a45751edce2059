import { failedPrecondition, invalidArgument } from '../../../compute/errors.js';
import {
  type ExecSandboxInput,
  encodeExecOutput,
  rpcs,
  ServiceStatus,
  methods as wire,
} from '../../../wire/v00/index.js';
import type { CallContext, Method, Send } from '../../rpc/call.js';
import type { ExecInputFrame } from '../../services/exec.js';
import type { Services } from '../../services/services.js';
import { bidi, serverStream, unary, unimplemented } from '../method.js';
import { toCreateInput, toExecInput } from './from-wire.js';
import { toLogLine, toPlatformEvent, toSandbox, toWorkspace } from './to-wire.js';

/** Generation 0.0 of openshell.v1.OpenShell over the services. */
export const v00Methods = (services: Services): Method[] => {
  const { sandboxes, workspaces, exec, logs, watch, info } = services;

  const sandbox = (record: Parameters<typeof toSandbox>[0]) => toSandbox(record, sandboxes.orphaned(record));

  const emitExec =
    (send: Send) =>
    (chunk: { stream: 'stdout' | 'stderr'; data: Uint8Array }): Promise<void> | undefined =>
      send(encodeExecOutput(chunk.stream, chunk.data));

  const served: Method[] = [
    {
      ...unary(wire.health, () => ({ status: ServiceStatus.HEALTHY, version: info.version })),
      open: true,
    },
    unary(wire.getCurrentUser, (_, { user }) => ({
      subject: user.subject,
      displayName: user.displayName,
      roles: [...user.roles],
      identityProvider: user.identityProvider,
    })),
    unary(wire.getGatewayInfo, async (_, { signal }) => ({
      status: ServiceStatus.HEALTHY,
      gatewayVersion: info.version,
      computeDrivers: (await info.readyDrivers(signal)).map(({ name, capabilities }) => ({
        name,
        capabilities: { driverName: capabilities.driverName, driverVersion: capabilities.driverVersion },
      })),
    })),
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
    serverStream(wire.execSandbox, async (request, { signal }, send) => {
      const exitCode = await exec.run(toExecInput(request, undefined), emitExec(send), signal);
      await send(encodeExecExit(exitCode));
    }),
    bidi(wire.execSandboxInteractive, (requests, context, send) => interactive(requests, context, send)),
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
    unary(wire.getGatewayConfig, () => ({})),
    unary(wire.createWorkspace, async (request) => ({
      workspace: toWorkspace(await workspaces.create({ name: request.name, labels: { ...request.labels } })),
    })),
    unary(wire.getWorkspace, async ({ name }) => ({ workspace: toWorkspace(await workspaces.get(name)) })),
    unary(wire.listWorkspaces, async (request) => ({
      workspaces: (await workspaces.list(request)).map(toWorkspace),
    })),
    unary(wire.deleteWorkspace, async ({ name }) => ({ deleted: await workspaces.delete(name) })),
  ];

  async function interactive(
    requests: AsyncGenerator<ExecSandboxInput>,
    { signal }: CallContext,
    send: Send,
  ) {
    const first = await requests.next();
    if (first.done === true || first.value.payload.case !== 'start') {
      throw invalidArgument('the first message must be start', { field: 'start' });
    }
    const input = toExecInput(first.value.payload.value, frames(requests));
    await send(encodeExecExit(await exec.run(input, emitExec(send), signal)));
  }

  const paths = new Set(served.map((method) => method.path));
  const rest = rpcs.filter((method) => !paths.has(method.path));
  return [...served, ...rest.map(unimplemented)];
};

const encodeExecExit = (exitCode: number): Buffer =>
  wire.execSandbox.encodeResponse({ payload: { case: 'exit', value: { exitCode } } });

async function* frames(requests: AsyncGenerator<ExecSandboxInput>): AsyncGenerator<ExecInputFrame> {
  for await (const { payload } of requests) {
    switch (payload.case) {
      case 'stdin':
        yield { type: 'stdin', data: payload.value };
        break;
      case 'resize':
        yield { type: 'resize', size: { cols: payload.value.cols, rows: payload.value.rows } };
        break;
      case 'start':
        throw failedPrecondition('the command was started already');
    }
  }
}
