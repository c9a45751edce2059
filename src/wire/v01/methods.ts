import { methodFactory } from '../method.js';
import {
  GetGatewayConfigRequestSchema,
  GetGatewayConfigResponseSchema,
  GetSandboxConfigRequestSchema,
  GetSandboxConfigResponseSchema,
} from './generated/openshell/sandbox/v1/config_pb.js';
import {
  ExecSandboxEventSchema,
  ExecSandboxInputSchema,
  ExecSandboxRequestSchema,
} from './generated/openshell/v1/exec_pb.js';
import {
  GetCurrentUserRequestSchema,
  GetCurrentUserResponseSchema,
  GetGatewayInfoRequestSchema,
  GetGatewayInfoResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
} from './generated/openshell/v1/gateway_pb.js';
import {
  CreateSandboxRequestSchema,
  DeleteSandboxRequestSchema,
  DeleteSandboxResponseSchema,
  GetSandboxRequestSchema,
  ListSandboxesRequestSchema,
  ListSandboxesResponseSchema,
  SandboxResponseSchema,
  StartSandboxRequestSchema,
  StopSandboxRequestSchema,
} from './generated/openshell/v1/sandbox_pb.js';
import {
  CreateSandboxTemplateRequestSchema,
  DeleteSandboxTemplateRequestSchema,
  DeleteSandboxTemplateResponseSchema,
  GetSandboxTemplateRequestSchema,
  ListSandboxTemplatesRequestSchema,
  ListSandboxTemplatesResponseSchema,
  SandboxTemplateResponseSchema,
} from './generated/openshell/v1/template_pb.js';
import {
  GetSandboxLogsRequestSchema,
  GetSandboxLogsResponseSchema,
  SandboxStreamEventSchema,
  WatchSandboxRequestSchema,
} from './generated/openshell/v1/watch_pb.js';
import {
  CreateWorkspaceRequestSchema,
  CreateWorkspaceResponseSchema,
  DeleteWorkspaceRequestSchema,
  DeleteWorkspaceResponseSchema,
  GetWorkspaceRequestSchema,
  GetWorkspaceResponseSchema,
  ListWorkspacesRequestSchema,
  ListWorkspacesResponseSchema,
} from './generated/openshell/v1/workspace_pb.js';
import { rpcs } from './rpcs.js';

const method = methodFactory(rpcs);

/** The methods that a gateway of ours serves in generation 0.1, keyed as in a generated service. */
export const methods = {
  health: method('Health', HealthRequestSchema, HealthResponseSchema),
  getCurrentUser: method('GetCurrentUser', GetCurrentUserRequestSchema, GetCurrentUserResponseSchema),
  getGatewayInfo: method('GetGatewayInfo', GetGatewayInfoRequestSchema, GetGatewayInfoResponseSchema),
  createSandbox: method('CreateSandbox', CreateSandboxRequestSchema, SandboxResponseSchema),
  getSandbox: method('GetSandbox', GetSandboxRequestSchema, SandboxResponseSchema),
  listSandboxes: method('ListSandboxes', ListSandboxesRequestSchema, ListSandboxesResponseSchema),
  deleteSandbox: method('DeleteSandbox', DeleteSandboxRequestSchema, DeleteSandboxResponseSchema),
  stopSandbox: method('StopSandbox', StopSandboxRequestSchema, SandboxResponseSchema),
  startSandbox: method('StartSandbox', StartSandboxRequestSchema, SandboxResponseSchema),
  watchSandbox: method('WatchSandbox', WatchSandboxRequestSchema, SandboxStreamEventSchema),
  execSandbox: method('ExecSandbox', ExecSandboxRequestSchema, ExecSandboxEventSchema),
  execSandboxInteractive: method('ExecSandboxInteractive', ExecSandboxInputSchema, ExecSandboxEventSchema),
  getSandboxLogs: method('GetSandboxLogs', GetSandboxLogsRequestSchema, GetSandboxLogsResponseSchema),
  getSandboxConfig: method('GetSandboxConfig', GetSandboxConfigRequestSchema, GetSandboxConfigResponseSchema),
  getGatewayConfig: method('GetGatewayConfig', GetGatewayConfigRequestSchema, GetGatewayConfigResponseSchema),
  createSandboxTemplate: method(
    'CreateSandboxTemplate',
    CreateSandboxTemplateRequestSchema,
    SandboxTemplateResponseSchema,
  ),
  getSandboxTemplate: method(
    'GetSandboxTemplate',
    GetSandboxTemplateRequestSchema,
    SandboxTemplateResponseSchema,
  ),
  listSandboxTemplates: method(
    'ListSandboxTemplates',
    ListSandboxTemplatesRequestSchema,
    ListSandboxTemplatesResponseSchema,
  ),
  deleteSandboxTemplate: method(
    'DeleteSandboxTemplate',
    DeleteSandboxTemplateRequestSchema,
    DeleteSandboxTemplateResponseSchema,
  ),
  createWorkspace: method('CreateWorkspace', CreateWorkspaceRequestSchema, CreateWorkspaceResponseSchema),
  getWorkspace: method('GetWorkspace', GetWorkspaceRequestSchema, GetWorkspaceResponseSchema),
  listWorkspaces: method('ListWorkspaces', ListWorkspacesRequestSchema, ListWorkspacesResponseSchema),
  deleteWorkspace: method('DeleteWorkspace', DeleteWorkspaceRequestSchema, DeleteWorkspaceResponseSchema),
};
