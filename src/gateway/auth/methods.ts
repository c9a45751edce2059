import { Code, OpenShellError } from '../../compute/errors.js';
import type { MethodName } from '../../wire/v01/rpcs.js';
import type { MethodAccess, Principal } from './principal.js';

/** Also for grpc.health.v1. */
export const ANYONE: MethodAccess = { who: 'anyone', changes: false };
const READ: MethodAccess = { who: 'user', changes: false };
const CHANGE: MethodAccess = { who: 'user', changes: true };
const READ_BY_EITHER: MethodAccess = { who: 'either', changes: false };
const CHANGE_BY_EITHER: MethodAccess = { who: 'either', changes: true };
const SANDBOX: MethodAccess = { who: 'sandbox', changes: false };
const OPERATOR: MethodAccess = { who: 'operator', changes: false };
const PEER: MethodAccess = { who: 'peer', changes: false };

/** Every method of both generations; a missing one does not compile. */
const METHOD_ACCESS: Readonly<Record<MethodName, MethodAccess>> = {
  Health: ANYONE,
  GetCurrentUser: READ,
  GetGatewayInfo: READ,
  CreateSandbox: CHANGE,
  GetSandbox: READ,
  ListSandboxes: READ,
  ListSandboxProviders: READ,
  AttachSandboxProvider: CHANGE,
  DetachSandboxProvider: CHANGE,
  DeleteSandbox: CHANGE,
  StopSandbox: CHANGE,
  StartSandbox: CHANGE,
  CreateSshSession: CHANGE,
  ExposeService: CHANGE,
  GetService: READ,
  ListServices: READ,
  DeleteService: CHANGE,
  RevokeSshSession: CHANGE,
  ExecSandbox: CHANGE,
  ForwardTcp: CHANGE,
  ExecSandboxInteractive: CHANGE,
  CreateProvider: CHANGE,
  GetProvider: READ,
  ListProviders: READ,
  ListProviderProfiles: READ,
  GetProviderProfile: READ,
  ImportProviderProfiles: CHANGE,
  UpdateProviderProfiles: CHANGE,
  LintProviderProfiles: READ,
  UpdateProvider: CHANGE,
  GetProviderRefreshStatus: READ,
  ConfigureProviderRefresh: CHANGE,
  RotateProviderCredential: CHANGE,
  DeleteProviderRefresh: CHANGE,
  DeleteProvider: CHANGE,
  DeleteProviderProfile: CHANGE,
  GetSandboxConfig: READ_BY_EITHER,
  GetGatewayConfig: READ,
  UpdateConfig: CHANGE_BY_EITHER,
  GetSandboxPolicyStatus: READ,
  ListSandboxPolicies: READ,
  ReportPolicyStatus: SANDBOX,
  GetSandboxProviderEnvironment: SANDBOX,
  GetSandboxLogs: READ,
  PushSandboxLogs: SANDBOX,
  ConnectSupervisor: SANDBOX,
  ReportMainProcessExit: SANDBOX,
  RelayStream: SANDBOX,
  WatchSandbox: READ,
  SubmitPolicyAnalysis: SANDBOX,
  GetDraftPolicy: READ_BY_EITHER,
  ApproveDraftChunk: CHANGE,
  RejectDraftChunk: CHANGE,
  ApproveAllDraftChunks: CHANGE,
  EditDraftChunk: CHANGE,
  UndoDraftChunk: CHANGE,
  ClearDraftChunks: CHANGE,
  GetDraftHistory: READ,
  IssueSandboxToken: SANDBOX,
  RefreshSandboxToken: SANDBOX,
  CreateWorkspace: CHANGE,
  GetWorkspace: READ,
  ListWorkspaces: READ,
  DeleteWorkspace: CHANGE,
  AddWorkspaceMember: CHANGE,
  RemoveWorkspaceMember: CHANGE,
  ListWorkspaceMembers: READ,
  ExchangeProviderSubjectToken: SANDBOX,
  GetProviderCredentials: OPERATOR,
  GetSandboxProviderStatus: READ,
  ReportEndpointStatus: SANDBOX,
  ReportProviderReadiness: SANDBOX,
  ReportSandboxConfiguration: SANDBOX,
  FinalizeMainProcessExit: SANDBOX,
  CreateSandboxTemplate: CHANGE,
  GetSandboxTemplate: READ,
  ListSandboxTemplates: READ,
  DeleteSandboxTemplate: CHANGE,
  BeginRootfsTarStaging: CHANGE,
  PeerRelay: PEER,
  PeerReportProviderReadiness: PEER,
  PeerReportEndpointStatus: PEER,
  PeerGetSandboxProviderStatus: PEER,
  PeerNotifyConfigUpdate: PEER,
};

export function methodAccess(name: MethodName): MethodAccess {
  return METHOD_ACCESS[name];
}

/** PERMISSION_DENIED, in upstream's words, when the method is not for this kind of caller. */
export function checkKind({ kind }: Principal, { who }: MethodAccess): void {
  if (who === 'sandbox' && kind !== 'sandbox') {
    throw denied('this method requires a sandbox principal');
  }
  if (who === 'user' && kind === 'sandbox') {
    throw denied('sandbox principals may not call this method');
  }
}

function denied(message: string): OpenShellError {
  return new OpenShellError(Code.PERMISSION_DENIED, message, { reason: 'WrongKindOfCaller' });
}
