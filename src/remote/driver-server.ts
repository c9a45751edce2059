import type { ComputeDriver } from '../compute/driver.js';
import { Code, invalidArgument, notFound, OpenShellError } from '../compute/errors.js';
import { driverMethods as wire } from '../wire/compute/index.js';
import { fromEvent, fromObserved, toDriverSandbox, toRef } from './messages.js';
import { type Method, serverStream, unary } from './method.js';

/** openshell.compute.v1.ComputeDriver over any driver. */
export function driverMethodsOf(driver: ComputeDriver): Method[] {
  function required(sandbox: Parameters<typeof toDriverSandbox>[0] | undefined) {
    if (sandbox === undefined) {
      throw invalidArgument('sandbox is required', { field: 'sandbox' });
    }
    return toDriverSandbox(sandbox);
  }

  async function workspaceCall(
    call: ((workspace: string, options: { signal: AbortSignal }) => Promise<void>) | undefined,
    workspace: string,
    signal: AbortSignal,
  ) {
    if (call === undefined) {
      throw new OpenShellError(
        Code.UNIMPLEMENTED,
        `driver '${driver.name}' has nothing to prepare for a workspace`,
      );
    }
    await call.call(driver, workspace, { signal });
    return {};
  }

  return [
    unary(wire.getCapabilities, async (_, { signal }) => {
      const { driverName, driverVersion, defaultImage, gatewayManagesLifecycle } = await driver.capabilities({
        signal,
      });
      return { driverName, driverVersion, defaultImage, gatewayManagesLifecycle };
    }),
    unary(wire.getGatewayListenerRequirements, async () => ({})),
    unary(wire.validateSandboxCreate, async ({ sandbox }, { signal }) => {
      await driver.validateCreate(required(sandbox), { signal });
      return {};
    }),
    unary(wire.getSandbox, async (request, { signal }) => {
      const found = await driver.get(toRef(request), { signal });
      if (found === undefined) {
        throw notFound('sandbox not found', { reason: 'SandboxNotFound' });
      }
      return { sandbox: fromObserved(found) };
    }),
    unary(wire.listSandboxes, async (_, { signal }) => ({
      sandboxes: (await driver.list({ signal })).map(fromObserved),
    })),
    unary(wire.createSandbox, async ({ sandbox }, { signal }) => {
      await driver.create(required(sandbox), { signal });
      return {};
    }),
    unary(wire.stopSandbox, async (request, { signal }) => {
      await driver.stop(toRef(request), { signal });
      return {};
    }),
    unary(wire.startSandbox, async (request, { signal }) => {
      await driver.start(toRef(request), { signal });
      return {};
    }),
    unary(wire.deleteSandbox, async (request, { signal }) => ({
      deleted: await driver.delete(toRef(request), { signal }),
    })),
    serverStream(wire.watchSandboxes, async (_, { signal }, send) => {
      for await (const event of driver.watch({ signal })) {
        const message = fromEvent(event);
        if (message !== undefined) {
          await send(wire.watchSandboxes.encodeResponse(message));
        }
      }
    }),
    unary(wire.ensureWorkspace, ({ workspace }, { signal }) =>
      workspaceCall(driver.ensureWorkspace, workspace, signal),
    ),
    unary(wire.deleteWorkspace, ({ workspace }, { signal }) =>
      workspaceCall(driver.deleteWorkspace, workspace, signal),
    ),
  ];
}
