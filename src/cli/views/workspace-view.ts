import { Code, OpenShellError } from '../../compute/errors.js';
import {
  type Workspace,
  WorkspacePhase,
  WorkspacePhaseSchema,
  WorkspaceSchema,
} from '../../wire/v00/index.js';
import { enumWord, plain } from '../output/plain.js';
import type { Shown } from '../output/show.js';
import { details, table } from '../output/table.js';
import { ageOf, pairs } from './sandbox-view.js';

export function workspaceView(workspace: Workspace): Shown {
  return {
    table: () =>
      details([
        ['Name', workspace.metadata?.name],
        ['Id', workspace.metadata?.id],
        ['Phase', phaseWord(workspace)],
        ['Labels', pairs(workspace.metadata?.labels)],
        ['Age', ageOf(workspace.metadata?.createdAtMs) || undefined],
      ]),
    value: () => plain(WorkspaceSchema, workspace),
  };
}

export function workspaceListView(workspaces: readonly Workspace[]): Shown {
  return {
    table: () =>
      table(
        ['NAME', 'PHASE', 'AGE'],
        workspaces.map((workspace) => [
          workspace.metadata?.name ?? '',
          phaseWord(workspace),
          ageOf(workspace.metadata?.createdAtMs),
        ]),
      ),
    value: () => workspaces.map((workspace) => plain(WorkspaceSchema, workspace)),
  };
}

function phaseWord({ status }: Workspace): string {
  return enumWord(WorkspacePhaseSchema, status?.phase ?? WorkspacePhase.UNSPECIFIED);
}

/** The workspace of a response; the protocol allows it to be missing. */
export function presentWorkspace(workspace: Workspace | undefined): Workspace {
  if (workspace === undefined) {
    throw new OpenShellError(Code.INTERNAL, 'the gateway answered without a workspace');
  }
  return workspace;
}
