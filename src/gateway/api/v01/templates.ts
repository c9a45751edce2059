import type { TemplateRecord } from '../../../store/model.js';
import { DeletionOutcome, methods as wire } from '../../../wire/v01/index.js';
import type { Method } from '../../rpc/call.js';
import type { Services } from '../../services/services.js';
import { templateNotFound } from '../../services/templates.js';
import { unary } from '../method.js';
import { identityOf } from '../request-identity.js';
import { toScope, toTemplateInput, toWorkspaceName } from './from-wire.js';
import { toTemplate } from './to-wire.js';

/** Sandbox templates, which only generation 0.1 has. */
export const templateMethods = ({ templates, requests }: Services): Method[] => [
  unary(wire.createSandboxTemplate, async (request, context) => ({
    template: toTemplate(
      await requests.once<TemplateRecord>(
        identityOf(wire.createSandboxTemplate, request, context),
        (remember) => templates.create(toTemplateInput(request), remember),
      ),
    ),
  })),
  unary(wire.getSandboxTemplate, async ({ workspaceScope, name }) => ({
    template: toTemplate(await templates.get(toWorkspaceName(workspaceScope), name)),
  })),
  unary(wire.listSandboxTemplates, async (request) => {
    const { workspace, allWorkspaces } = toScope(request.workspaceScope);
    const { items, nextToken } = await templates.list(
      allWorkspaces ? undefined : workspace,
      request.labelSelector,
      { size: request.pageSize, token: request.pageToken },
    );
    return { templates: items.map(toTemplate), nextPageToken: nextToken };
  }),
  unary(wire.deleteSandboxTemplate, async (request, context) => {
    const workspace = toWorkspaceName(request.workspaceScope);
    const deleted = await requests.once<boolean>(
      identityOf(wire.deleteSandboxTemplate, request, context),
      async (remember) => {
        const existed = await templates.delete(workspace, request.name, remember);
        if (existed || request.allowMissing) return existed;
        throw templateNotFound(workspace, request.name);
      },
    );
    return { outcome: deleted ? DeletionOutcome.COMPLETED : DeletionOutcome.ALREADY_ABSENT };
  }),
];
