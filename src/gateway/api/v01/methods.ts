import type { SandboxRecord } from '../../../store/model.js';
import type { Remember } from '../../../store/store.js';
import type { MethodShape } from '../../../wire/method-shape.js';
import {
  DeletionOutcome,
  type ExecSandboxRequest,
  SandboxSchema,
  WorkspaceSchema,
  type WorkspaceSelector,
  methods as wire,
} from '../../../wire/v01/index.js';
import type { Caller } from '../../auth/principal.js';
import type { ExecInput } from '../../services/exec.js';
import { asIs, KEPT_SANDBOX } from '../../services/kept-answers.js';
import { checkGiven } from '../../services/limits.js';
import type { Services } from '../../services/services.js';
import { readInput, runExec } from '../exec-stream.js';
import type { Method } from '../method.js';
import { bidi, serverStream, unary } from '../method.js';
import { list } from '../page.js';
import { identityOf } from '../request-identity.js';
import { deletion } from '../shared/deletion.js';
import { sandboxEncoders } from '../shared/sandbox.js';
import { toWatchInput, toWatchPayload } from '../shared/watch.js';
import { toWorkspace } from '../shared/workspace.js';
import { refused } from '../stored-spec.js';
import { toCreateInput, toExecInput, toScope, toSinceMs, toWorkspaceName } from './from-wire.js';
import { templateMethods } from './templates.js';
import { toLogLine, toPlatformEvent, toSandbox } from './to-wire.js';

interface Scoped {
  readonly workspaceScope?: WorkspaceSelector | undefined;
}

/** The stored answer of a delete; without an id there was no such sandbox. */
interface Deleted {
  readonly sandboxId?: string;
}

/** The methods of openshell.v1.OpenShell that differ in generation 0.1, mapped onto the services. */
export function v01Methods(services: Services): Method[] {
  const { sandboxes, workspaces, exec, logs, requests, watch } = services;

  const { sandbox, withoutEnvironment } = sandboxEncoders(sandboxes, toSandbox);
  const watched = { sandbox: withoutEnvironment, log: toLogLine, event: toPlatformEvent };

  function find(caller: Caller, { workspaceScope, name }: Scoped & { name: string }) {
    return sandboxes.get(caller, toWorkspaceName(workspaceScope), name);
  }

  /** For requests in which the field with the sandbox's name is `sandbox`. */
  async function findSandbox(
    caller: Caller,
    { workspaceScope, sandbox: name }: Scoped & { sandbox: string },
  ) {
    checkGiven(name, 'sandbox');
    return find(caller, { workspaceScope, name });
  }

  async function execInput(
    caller: Caller,
    request: Parameters<typeof toExecInput>[0],
    input: ExecInput['input'],
  ): Promise<ExecInput> {
    const { id } = await findSandbox(caller, request);
    return toExecInput(request, id, input);
  }

  function change(
    method: MethodShape,
    run: (caller: Caller, workspace: string, name: string) => Promise<SandboxRecord>,
  ) {
    return async (request: Parameters<typeof find>[1] & { requestId: string }, caller: Caller) => ({
      sandbox: sandbox(
        await requests.once(identityOf(method, request, caller), KEPT_SANDBOX, () =>
          run(caller, toWorkspaceName(request.workspaceScope), request.name),
        ),
        caller,
      ),
    });
  }

  return [
    unary(wire.createSandbox, async (request, caller) => ({
      sandbox: sandbox(
        await requests.once(identityOf(wire.createSandbox, request, caller), KEPT_SANDBOX, (remember) =>
          sandboxes.create(caller, toCreateInput(request), remember),
        ),
        caller,
      ),
    })),
    unary(wire.getSandbox, async (request, caller) => ({
      sandbox: sandbox(await find(caller, request), caller),
    })),
    list(wire.listSandboxes, { schema: SandboxSchema, toWire: withoutEnvironment }, async (request, caller) =>
      sandboxes.page(
        caller,
        { ...toScope(request.workspaceScope), labelSelector: request.labelSelector },
        { size: request.pageSize, token: request.pageToken },
      ),
    ),
    unary(wire.deleteSandbox, async (request, caller) => {
      const workspace = toWorkspaceName(request.workspaceScope);
      const { sandboxId } = await requests.once(
        identityOf(wire.deleteSandbox, request, caller),
        asIs<Deleted>(),
        (remember) =>
          deletion<Deleted>(request.allowMissing, {}, async () => {
            const record = await sandboxes.delete(caller, workspace, request.name, byId(remember));
            return { sandboxId: record.id };
          }),
      );
      if (sandboxId === undefined) {
        return { outcome: DeletionOutcome.ALREADY_ABSENT };
      }
      // Not stored: each caller waits for itself, and a repeated request reports the current state.
      const gone = await sandboxes.gone(sandboxId, caller.signal);
      return { outcome: gone ? DeletionOutcome.COMPLETED : DeletionOutcome.ACCEPTED, sandboxId };
    }),
    unary(wire.stopSandbox, change(wire.stopSandbox, sandboxes.stop)),
    unary(wire.startSandbox, change(wire.startSandbox, sandboxes.start)),
    serverStream(wire.watchSandbox, async (request, caller, send) => {
      if (request.resumeAfterCursor !== '') {
        const hint = 'watch without it: a stream begins with the current state';
        throw refused('resume_after_cursor', 'its events carry no cursors', hint);
      }
      const { id } = await findSandbox(caller, request);
      await watch.watch(caller, toWatchInput(request, id, toSinceMs(request.sinceTime)), (item) =>
        send(wire.watchSandbox.encodeResponse({ payload: toWatchPayload(item, watched) })),
      );
    }),
    serverStream(wire.execSandbox, async (request, caller, send) =>
      runExec(exec, caller, await execInput(caller, request, undefined), send),
    ),
    bidi(wire.execSandboxInteractive, async (messages, caller, send) => {
      const { start, input } = await readInput<ExecSandboxRequest>(messages);
      await runExec(exec, caller, await execInput(caller, start, input), send);
    }),
    unary(wire.getSandboxLogs, async (request, caller) => {
      const { sources, minLevel, sinceTime } = request;
      const { lines, total } = await logs.tail(caller, await findSandbox(caller, request), request.lines, {
        sinceMs: toSinceMs(sinceTime),
        sources,
        minLevel,
      });
      return { logs: lines.map(toLogLine), bufferTotal: total };
    }),
    unary(wire.getSandboxConfig, async (request, caller) => ({
      workspace: (await find(caller, request)).workspace,
      policyValidationFailureMode: 'fail_closed',
    })),
    list(wire.listWorkspaces, { schema: WorkspaceSchema, toWire: toWorkspace }, (request, caller) =>
      workspaces.page(caller, request.labelSelector, { size: request.pageSize, token: request.pageToken }),
    ),
    ...templateMethods(services),
  ];
}

function byId(remember: Remember<Deleted> | undefined): Remember<SandboxRecord> | undefined {
  return remember && (({ id }) => remember({ sandboxId: id }));
}
