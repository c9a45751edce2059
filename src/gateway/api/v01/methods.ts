import { invalidArgument } from '../../../compute/errors.js';
import type { SandboxRecord } from '../../../store/model.js';
import type { Remember } from '../../../store/store.js';
import type { MethodShape } from '../../../wire/method-shape.js';
import {
  DeletionOutcome,
  type ExecSandboxRequest,
  SandboxSchema,
  WorkspaceSchema,
  methods as wire,
} from '../../../wire/v01/index.js';
import type { User } from '../../auth.js';
import type { ExecInput } from '../../services/exec.js';
import { asItIs, KEPT_SANDBOX } from '../../services/kept-answers.js';
import type { Services } from '../../services/services.js';
import { readInput, runExec } from '../exec-stream.js';
import type { CallContext, Method } from '../method.js';
import { bidi, serverStream, unary } from '../method.js';
import { list } from '../page.js';
import { identityOf } from '../request-identity.js';
import { deletion } from '../shared/deletion.js';
import { toWorkspace } from '../shared/workspace.js';
import { environmentFor, type ShownEnvironment } from '../stored-spec.js';
import { toCreateInput, toExecInput, toScope, toSinceMs, toWorkspaceName } from './from-wire.js';
import { templateMethods } from './templates.js';
import { toLogLine, toSandbox } from './to-wire.js';
import { type FindSandbox, watchMethod } from './watch.js';

/** A deletion's answer as it is remembered; without an id nothing of the name was there. */
interface Deleted {
  readonly sandboxId?: string;
}

/** The methods of openshell.v1.OpenShell that generation 0.1 has in its own way, over the services. */
export const v01Methods = (services: Services): Method[] => {
  const { sandboxes, workspaces, exec, logs, requests } = services;

  const shown = (record: SandboxRecord, environment: ShownEnvironment) =>
    toSandbox(record, sandboxes.orphaned(record), environment);
  const sandbox = (record: SandboxRecord, user: User) => shown(record, environmentFor(user));
  const withoutEnvironment = (record: SandboxRecord) => shown(record, 'left-out');

  const find = ({ workspaceScope, name }: { workspaceScope?: Parameters<typeof toScope>[0]; name: string }) =>
    sandboxes.get(toWorkspaceName(workspaceScope), name);

  /** Where the request calls the sandbox's name `sandbox`. */
  const findSandbox: FindSandbox = async ({ workspaceScope, sandbox: name }) => {
    if (name === '') throw invalidArgument('sandbox is required', { field: 'sandbox' });
    return find({ workspaceScope, name });
  };

  const execInput = async (
    request: Parameters<typeof toExecInput>[0],
    input: ExecInput['input'],
  ): Promise<ExecInput> => {
    const { id } = await findSandbox(request);
    return toExecInput(request, id, input);
  };

  const change =
    (method: MethodShape, run: (workspace: string, name: string) => Promise<SandboxRecord>) =>
    async (request: Parameters<typeof find>[0] & { requestId: string }, context: CallContext) => ({
      sandbox: sandbox(
        await requests.once(identityOf(method, request, context), KEPT_SANDBOX, () =>
          run(toWorkspaceName(request.workspaceScope), request.name),
        ),
        context.user,
      ),
    });

  return [
    unary(wire.createSandbox, async (request, context) => ({
      sandbox: sandbox(
        await requests.once(identityOf(wire.createSandbox, request, context), KEPT_SANDBOX, (remember) =>
          sandboxes.create(toCreateInput(request), context.signal, remember),
        ),
        context.user,
      ),
    })),
    unary(wire.getSandbox, async (request, { user }) => ({ sandbox: sandbox(await find(request), user) })),
    list(wire.listSandboxes, { schema: SandboxSchema, toWire: withoutEnvironment }, async (request) =>
      sandboxes.page(
        { ...toScope(request.workspaceScope), labelSelector: request.labelSelector },
        { size: request.pageSize, token: request.pageToken },
      ),
    ),
    unary(wire.deleteSandbox, async (request, context) => {
      const workspace = toWorkspaceName(request.workspaceScope);
      const { sandboxId } = await requests.once(
        identityOf(wire.deleteSandbox, request, context),
        asItIs<Deleted>(),
        (remember) =>
          deletion<Deleted>(request.allowMissing, {}, async () => {
            const record = await sandboxes.delete(workspace, request.name, byId(remember));
            return { sandboxId: record.id };
          }),
      );
      return sandboxId === undefined
        ? { outcome: DeletionOutcome.ALREADY_ABSENT }
        : { outcome: DeletionOutcome.ACCEPTED, sandboxId };
    }),
    unary(wire.stopSandbox, change(wire.stopSandbox, sandboxes.stop)),
    unary(wire.startSandbox, change(wire.startSandbox, sandboxes.start)),
    watchMethod(services, findSandbox, withoutEnvironment),
    serverStream(wire.execSandbox, async (request, { signal }, send) =>
      runExec(exec, await execInput(request, undefined), send, signal),
    ),
    bidi(wire.execSandboxInteractive, async (messages, { signal }, send) => {
      const { start, input } = await readInput<ExecSandboxRequest>(messages);
      await runExec(exec, await execInput(start, input), send, signal);
    }),
    unary(wire.getSandboxLogs, async (request, { signal }) => {
      const { sources, minLevel, sinceTime } = request;
      const { lines, total } = await logs.tail(
        await findSandbox(request),
        request.lines,
        { sinceMs: toSinceMs(sinceTime), sources, minLevel },
        signal,
      );
      return { logs: lines.map(toLogLine), bufferTotal: total };
    }),
    unary(wire.getSandboxConfig, async (request) => ({
      workspace: (await find(request)).workspace,
      policyValidationFailureMode: 'fail_closed',
    })),
    list(wire.listWorkspaces, { schema: WorkspaceSchema, toWire: toWorkspace }, (request) =>
      workspaces.page(request.labelSelector, { size: request.pageSize, token: request.pageToken }),
    ),
    ...templateMethods(services),
  ];
};

const byId = (remember: Remember<Deleted> | undefined): Remember<SandboxRecord> | undefined =>
  remember && (({ id }) => remember({ sandboxId: id }));
