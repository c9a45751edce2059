import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { Code, invalidArgument, notFound, OpenShellError } from '../compute/errors.js';
import { driverMethods as wire } from '../wire/compute/index.js';
import { type ServerContext, serverStream, unary } from './handler.js';
import { fromEvent, fromObserved, toDriverSandbox, toRef } from './messages.js';

/** openshell.compute.v1.ComputeDriver over any driver. */
export const driverHandlers = (context: ServerContext): UntypedServiceImplementation => {
  const { driver } = context;
  const asked = (sandbox: Parameters<typeof toDriverSandbox>[0] | undefined) => {
    if (sandbox === undefined) throw invalidArgument('sandbox is required', { field: 'sandbox' });
    return toDriverSandbox(sandbox);
  };
  const workspaceCall = async (
    call: ((workspace: string, options: { signal: AbortSignal }) => Promise<void>) | undefined,
    workspace: string,
    signal: AbortSignal,
  ) => {
    if (call === undefined) {
      throw new OpenShellError(Code.UNIMPLEMENTED, `driver '${driver.name}' keeps nothing for a workspace`);
    }
    await call.call(driver, workspace, { signal });
    return {};
  };
  return {
    GetCapabilities: unary(context, wire.getCapabilities, async (_, signal) => {
      const { driverName, driverVersion, defaultImage, gatewayManagesLifecycle } = await driver.capabilities({
        signal,
      });
      return { driverName, driverVersion, defaultImage, gatewayManagesLifecycle };
    }),
    GetGatewayListenerRequirements: unary(context, wire.getGatewayListenerRequirements, async () => ({})),
    ValidateSandboxCreate: unary(context, wire.validateSandboxCreate, async ({ sandbox }, signal) => {
      await driver.validateCreate(asked(sandbox), { signal });
      return {};
    }),
    GetSandbox: unary(context, wire.getSandbox, async (request, signal) => {
      const found = await driver.get(toRef(request), { signal });
      if (found === undefined) throw notFound('sandbox not found', { reason: 'SandboxNotFound' });
      return { sandbox: fromObserved(found) };
    }),
    ListSandboxes: unary(context, wire.listSandboxes, async (_, signal) => ({
      sandboxes: (await driver.list({ signal })).map(fromObserved),
    })),
    CreateSandbox: unary(context, wire.createSandbox, async ({ sandbox }, signal) => {
      await driver.create(asked(sandbox), { signal });
      return {};
    }),
    StopSandbox: unary(context, wire.stopSandbox, async (request, signal) => {
      await driver.stop(toRef(request), { signal });
      return {};
    }),
    StartSandbox: unary(context, wire.startSandbox, async (request, signal) => {
      await driver.start(toRef(request), { signal });
      return {};
    }),
    DeleteSandbox: unary(context, wire.deleteSandbox, async (request, signal) => ({
      deleted: await driver.delete(toRef(request), { signal }),
    })),
    WatchSandboxes: serverStream(context, wire.watchSandboxes, async (_, send, signal) => {
      for await (const event of driver.watch({ signal })) {
        const message = fromEvent(event);
        if (message !== undefined) await send(wire.watchSandboxes.encodeResponse(message));
      }
    }),
    EnsureWorkspace: unary(context, wire.ensureWorkspace, ({ workspace }, signal) =>
      workspaceCall(driver.ensureWorkspace, workspace, signal),
    ),
    DeleteWorkspace: unary(context, wire.deleteWorkspace, ({ workspace }, signal) =>
      workspaceCall(driver.deleteWorkspace, workspace, signal),
    ),
  };
};
