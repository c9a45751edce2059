/**
 * What a field of a request reveals about its generation. The letters are used in the tables below.
 *
 * - `n` new: only 0.1 has the number
 * - `o` old: only 0.0 has it
 * - `s` selector: a workspace's name in 0.0, a message in 0.1. A name begins with a letter or digit, the message with
 *   a tag below 0x30 or with nothing at all
 * - `t` token: a number in 0.0, a text in 0.1
 * - `f` flag: a text in 0.0, a number in 0.1
 * - `a` approvals: messages in 0.0, a selector in 0.1
 */
export const MARK = { n: 1, o: 2, s: 3, t: 4, f: 5, a: 6 } as const;

/** By method, for every request that differs between the two generations. */
export const REQUEST_MARKS: Readonly<Record<string, string>> = {
  CreateSandbox: '5f 6n 7n 8n 9n',
  GetSandbox: '2s',
  ListSandboxes: '2t 4s 5o',
  DeleteSandbox: '2s 3n 4n',
  StopSandbox: '2s 3n',
  StartSandbox: '2s 3n',
  WatchSandbox: '8o 11n 12n 108n',
  GetSandboxLogs: '3o 6s 103n',
  GetSandboxConfig: '3n',
  ExecSandbox: '5o 10n 11n 12n 105n',

  ListSandboxProviders: '2s 3n 4n',
  AttachSandboxProvider: '4s 5n',
  DetachSandboxProvider: '4s 5n',

  CreateSshSession: '3n',
  RevokeSshSession: '2n',
  ExposeService: '5s 6n 7n',
  GetService: '3s',
  ListServices: '3t 4s 5o',
  DeleteService: '3s 4n 5n',

  CreateWorkspace: '3n',
  ListWorkspaces: '2t',
  DeleteWorkspace: '2n 3n',
  AddWorkspaceMember: '1s 4n',
  RemoveWorkspaceMember: '1s 3n 4n',
  ListWorkspaceMembers: '1s 3t',

  CreateProvider: '2s 3n',
  GetProvider: '2s',
  ListProviders: '2t 3s 4t',
  UpdateProvider: '2o 3s 4n 102n 103n',
  DeleteProvider: '2o 3n 4n 5n',
  ListProviderProfiles: '2t 3s',
  GetProviderProfile: '2s',
  ImportProviderProfiles: '2s 3n',
  UpdateProviderProfiles: '4s 5n',
  LintProviderProfiles: '2s',
  DeleteProviderProfile: '2s 3n 4n',
  GetProviderRefreshStatus: '3s',
  ConfigureProviderRefresh: '6o 7s 8n 106n',
  RotateProviderCredential: '3s 4n',
  DeleteProviderRefresh: '3o 4n 5n 6n',

  UpdateConfig: '10s 11n',
  GetSandboxPolicyStatus: '4s',
  ListSandboxPolicies: '3t 5s',
  GetSandboxProviderEnvironment: '3n',
  ConnectSupervisor: '5n',

  SubmitPolicyAnalysis: '6s',
  GetDraftPolicy: '3s',
  ApproveDraftChunk: '3s 5n',
  RejectDraftChunk: '4s 5n',
  ApproveAllDraftChunks: '3s 4a 5n',
  EditDraftChunk: '4s 5n',
  UndoDraftChunk: '3s 4n',
  ClearDraftChunks: '2s 3n',
  GetDraftHistory: '2s',
};

/** Streams whose first message has the marked message as field 1. */
export const FIRST_MESSAGE_MARKS: Readonly<Record<string, string>> = {
  ExecSandboxInteractive: '5o 10n 11n 12n 105n',
  ForwardTcp: '3n',
};
