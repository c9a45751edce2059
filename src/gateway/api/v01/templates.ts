import type { TemplateRecord } from '../../../store/model.js';
import { DeletionOutcome, SandboxWorkloadTemplateSchema, methods as wire } from '../../../wire/v01/index.js';
import { asIs, KEPT_TEMPLATE } from '../../services/kept-answers.js';
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
export function templateMethods({ templates, requests }: Services): Method[] {
  return [
    unary(wire.createSandboxTemplate, async (request, caller) => ({
      template: toTemplate(
        await requests.once(
          identityOf(wire.createSandboxTemplate, request, caller),
          KEPT_TEMPLATE,
          (remember) => templates.create(caller, toTemplateInput(request), remember),
        ),
        environmentFor(caller),
      ),
    })),
    unary(wire.getSandboxTemplate, async ({ workspaceScope, name }, caller) => ({
      template: toTemplate(
        await templates.get(caller, toWorkspaceName(workspaceScope), name),
        environmentFor(caller),
      ),
    })),
    list(
      wire.listSandboxTemplates,
      {
        schema: SandboxWorkloadTemplateSchema,
        toWire: (record: TemplateRecord) => toTemplate(record, 'left-out'),
      },
      async (request, caller) => {
        const { workspace, allWorkspaces } = toScope(request.workspaceScope);
        return templates.list(caller, allWorkspaces ? undefined : workspace, request.labelSelector, {
          size: request.pageSize,
          token: request.pageToken,
        });
      },
    ),
    unary(wire.deleteSandboxTemplate, async (request, caller) => {
      const workspace = toWorkspaceName(request.workspaceScope);
      const deleted = await requests.once(
        identityOf(wire.deleteSandboxTemplate, request, caller),
        asIs<boolean>(),
        async (remember) => {
          const existed = await templates.delete(caller, workspace, request.name, remember);
          if (existed || request.allowMissing) {
            return existed;
          }
          throw templateNotFound(workspace, request.name);
        },
      );
      return { outcome: deleted ? DeletionOutcome.COMPLETED : DeletionOutcome.ALREADY_ABSENT };
    }),
  ];
}
