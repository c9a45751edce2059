import { type MethodKind, type MethodShape, methodShape } from '../method-shape.js';

export const SERVICE = 'openshell.v1.OpenShell';

const STREAMING: Record<string, MethodKind> = {
  ExecSandbox: 'server_streaming',
  WatchSandbox: 'server_streaming',
  PushSandboxLogs: 'client_streaming',
  ForwardTcp: 'bidi_streaming',
  ExecSandboxInteractive: 'bidi_streaming',
  ConnectSupervisor: 'bidi_streaming',
  RelayStream: 'bidi_streaming',
};

// biome-ignore format: a list of words
const NAMES = [
  'Health', 'GetCurrentUser', 'GetGatewayInfo', 'CreateSandbox', 'GetSandbox', 'ListSandboxes',
  'ListSandboxProviders', 'AttachSandboxProvider', 'DetachSandboxProvider', 'DeleteSandbox',
  'StopSandbox', 'StartSandbox', 'CreateSshSession', 'ExposeService', 'GetService', 'ListServices',
  'DeleteService', 'RevokeSshSession', 'ExecSandbox', 'ForwardTcp', 'ExecSandboxInteractive',
  'CreateProvider', 'GetProvider', 'ListProviders', 'ListProviderProfiles', 'GetProviderProfile',
  'ImportProviderProfiles', 'UpdateProviderProfiles', 'LintProviderProfiles', 'UpdateProvider',
  'GetProviderRefreshStatus', 'ConfigureProviderRefresh', 'RotateProviderCredential',
  'DeleteProviderRefresh', 'DeleteProvider', 'DeleteProviderProfile', 'GetSandboxConfig',
  'GetGatewayConfig', 'UpdateConfig', 'GetSandboxPolicyStatus', 'ListSandboxPolicies',
  'ReportPolicyStatus', 'GetSandboxProviderEnvironment', 'GetSandboxLogs', 'PushSandboxLogs',
  'ConnectSupervisor', 'ReportMainProcessExit', 'RelayStream', 'WatchSandbox', 'SubmitPolicyAnalysis',
  'GetDraftPolicy', 'ApproveDraftChunk', 'RejectDraftChunk', 'ApproveAllDraftChunks', 'EditDraftChunk',
  'UndoDraftChunk', 'ClearDraftChunks', 'GetDraftHistory', 'IssueSandboxToken', 'RefreshSandboxToken',
  'CreateWorkspace', 'GetWorkspace', 'ListWorkspaces', 'DeleteWorkspace', 'AddWorkspaceMember',
  'RemoveWorkspaceMember', 'ListWorkspaceMembers',
] as const;

export type MethodName = (typeof NAMES)[number];

/** Every method of the service, including those that our gateway refuses by name. */
export const rpcs: readonly MethodShape<MethodName>[] = NAMES.map((name) =>
  methodShape(SERVICE, name, STREAMING[name] ?? 'unary'),
);
