import type { TemplateRecord } from '../../../store/model.js';
import { DeletionOutcome, SandboxWorkloadTemplateSchema, methods as wire } from '../../../wire/v01/index.js';
import { asItIs, KEPT_TEMPLATE } from '../../services/kept-answers.js';
import type { Services } from '../../services/services.js';
import { templateNotFound } from '../../services/templates.js';
import type { Method } from '../method.js';
import { unary } from '../method.js';
import { list } from '../page.js';
import { identityOf } from '../request-identity.js';
import { environmentFor } from '../stored-spec.js';
import { toScope, toTemplateInput, toWorkspaceName } from './from-wire.js';
import { toTemplate } from './to-wire.js';

/** Sandbox templates, which only generation 0.1 has. */
export const templateMethods = ({ templates, requests }: Services): Method[] => [
  unary(wire.createSandboxTemplate, async (request, context) => ({
    template: toTemplate(
      await requests.once(
        identityOf(wire.createSandboxTemplate, request, context),
        KEPT_TEMPLATE,
        (remember) => templates.create(toTemplateInput(request), remember),
      ),
      environmentFor(context.user),
    ),
  })),
  unary(wire.getSandboxTemplate, async ({ workspaceScope, name }, { user }) => ({
    template: toTemplate(await templates.get(toWorkspaceName(workspaceScope), name), environmentFor(user)),
  })),
  list(
    wire.listSandboxTemplates,
    {
      schema: SandboxWorkloadTemplateSchema,
      toWire: (record: TemplateRecord) => toTemplate(record, 'left-out'),
    },
    async (request) => {
      const { workspace, allWorkspaces } = toScope(request.workspaceScope);
      return templates.list(allWorkspaces ? undefined : workspace, request.labelSelector, {
        size: request.pageSize,
        token: request.pageToken,
      });
    },
  ),
  unary(wire.deleteSandboxTemplate, async (request, context) => {
    const workspace = toWorkspaceName(request.workspaceScope);
    const deleted = await requests.once(
      identityOf(wire.deleteSandboxTemplate, request, context),
      asItIs<boolean>(),
      async (remember) => {
        const existed = await templates.delete(workspace, request.name, remember);
        if (existed || request.allowMissing) return existed;
        throw templateNotFound(workspace, request.name);
      },
    );
    return { outcome: deleted ? DeletionOutcome.COMPLETED : DeletionOutcome.ALREADY_ABSENT };
  }),
];
