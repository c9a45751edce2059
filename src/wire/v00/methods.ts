import { methodsOf } from '../method.js';
import * as config from './generated/openshell/sandbox/v1/config_pb.js';
import * as exec from './generated/openshell/v1/exec_pb.js';
import * as gateway from './generated/openshell/v1/gateway_pb.js';
import * as sandbox from './generated/openshell/v1/sandbox_pb.js';
import * as watch from './generated/openshell/v1/watch_pb.js';
import * as workspace from './generated/openshell/v1/workspace_pb.js';
import { rpcs } from './rpcs.js';

/**
 * The methods that our gateway serves, keyed as in a generated service.
 *
 * They are listed here, not taken from the generated service descriptor: that one loads the messages of all methods,
 * which more than doubles the cost at startup.
 */
export const methods = methodsOf(rpcs, {
  Health: [gateway.HealthRequestSchema, gateway.HealthResponseSchema],
  GetCurrentUser: [gateway.GetCurrentUserRequestSchema, gateway.GetCurrentUserResponseSchema],
  GetGatewayInfo: [gateway.GetGatewayInfoRequestSchema, gateway.GetGatewayInfoResponseSchema],
  CreateSandbox: [sandbox.CreateSandboxRequestSchema, sandbox.SandboxResponseSchema],
  GetSandbox: [sandbox.GetSandboxRequestSchema, sandbox.SandboxResponseSchema],
  ListSandboxes: [sandbox.ListSandboxesRequestSchema, sandbox.ListSandboxesResponseSchema],
  DeleteSandbox: [sandbox.DeleteSandboxRequestSchema, sandbox.DeleteSandboxResponseSchema],
  StopSandbox: [sandbox.StopSandboxRequestSchema, sandbox.SandboxResponseSchema],
  StartSandbox: [sandbox.StartSandboxRequestSchema, sandbox.SandboxResponseSchema],
  WatchSandbox: [watch.WatchSandboxRequestSchema, watch.SandboxStreamEventSchema],
  ExecSandbox: [exec.ExecSandboxRequestSchema, exec.ExecSandboxEventSchema],
  ExecSandboxInteractive: [exec.ExecSandboxInputSchema, exec.ExecSandboxEventSchema],
  GetSandboxLogs: [watch.GetSandboxLogsRequestSchema, watch.GetSandboxLogsResponseSchema],
  GetSandboxConfig: [config.GetSandboxConfigRequestSchema, config.GetSandboxConfigResponseSchema],
  GetGatewayConfig: [config.GetGatewayConfigRequestSchema, config.GetGatewayConfigResponseSchema],
  CreateWorkspace: [workspace.CreateWorkspaceRequestSchema, workspace.CreateWorkspaceResponseSchema],
  GetWorkspace: [workspace.GetWorkspaceRequestSchema, workspace.GetWorkspaceResponseSchema],
  ListWorkspaces: [workspace.ListWorkspacesRequestSchema, workspace.ListWorkspacesResponseSchema],
  DeleteWorkspace: [workspace.DeleteWorkspaceRequestSchema, workspace.DeleteWorkspaceResponseSchema],
});
