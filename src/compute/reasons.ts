/**
 * Every reason that an error of ours can have: a stable word for programs, with what it means and what to do. It is in
 * the details of a refused call, in the log, before the text of a program that does not start, and the reason of a
 * sandbox's condition when the error ends it. docs/reasons.md is generated from this table.
 */
export const REASONS = {
  // Requests
  MalformedRequest:
    'The request cannot be decoded as a message of this method. Check the client and its generation.',
  InvalidPageToken: 'The page token was changed, or belongs to another list. List from the first page again.',
  RequestIdReused: 'The request id was used for a different request. Use a new id for a new request.',
  NotSupported:
    'The request asks for something that this gateway does not support; the field says what. Leave it out.',
  NotAllowed: 'The operator has not allowed what the request asks for. Ask the operator, or leave it out.',
  LimitTooHigh: 'A limit, a request or a number of GPUs exceeds what the operator allows. Ask for less.',
  LimitNotEnforceable:
    'The engine of this host cannot enforce a configured limit. Change the host or the setting.',
  SandboxNotFound: 'There is no sandbox of this name or id.',
  SandboxNotReady: 'The sandbox is not running yet, or no longer. Wait until it is READY, or start it.',
  TemplateNotFound: 'There is no sandbox template of this name in the workspace.',
  WorkspaceNotFound: 'There is no workspace of this name. Create it first.',
  WorkspaceNotEmpty: 'The workspace still has sandboxes. Delete them first.',
  WorkspaceTerminating: 'The workspace is being deleted and accepts nothing new.',
  WrongPhase:
    'The operation is not possible in the current phase of the sandbox. Check its phase and try again.',
  NameInUse:
    'The engine has another object with the name that the sandbox needs. Remove it, or choose another name.',
  NameTaken: 'The cluster has an object with this name that is not ours. Remove it, or choose another name.',
  AccessNotServed: "The sandbox's driver supports only its lifecycle: no exec and no logs.",

  // Callers
  ClientCertificateMissing:
    'This gateway requires a client certificate with a common name. Use one from its client CA.',
  ClientCertificateAmbiguous: 'The client certificate has several common names. Use one with a single name.',
  ClientCertificateExpired: 'The client certificate has expired. Renew it and connect again.',
  CertificatesChanged:
    'The client CA or its revocations changed since this connection was made. Connect again.',
  SignInExpired: "The caller's credentials expired during the call. Renew them and call again.",
  NotLoopback: 'Without certificates only callers on the same machine are admitted. Set up mutual TLS.',
  WrongKindOfCaller: 'The method is for another kind of caller: for users, or for the software in a sandbox.',
  NotYourSandbox: 'A sandbox asked for something that belongs to another.',

  // Load
  TooManyConnections:
    'More connections are open than limits.max_connections or limits.max_connections_per_address allows.',
  TooManyCreates: 'More creates are pending for one driver than max_pending_creates allows. Try again later.',
  TooManyStreams: 'One user has more open streams than limits.max_streams_per_user allows. End some.',
  ClientStalled: 'The client did not read from a stream for too long. Read it as it arrives.',
  WatchLagged:
    'The client of a watch was too slow, and changes were lost. Watch again: it starts with the current state.',
  ShuttingDown: 'The gateway is shutting down. Try again.',
  CodeNotLoaded: 'Files of the gateway are missing, as after an in-place upgrade. Restart it.',
  Uncaught: 'An unhandled error ended the program, exit code 10. Report it with the line of the log.',

  // Start and configuration
  InvalidUsage: 'The command line is wrong; the text says where.',
  InvalidConfig: 'The configuration is wrong; the text lists every problem with its place.',
  Usage: 'The command line of the client is wrong; the text says where.',
  Interrupted: 'The program was terminated before it had started.',
  ListenFailed: 'A listener cannot bind its address. Is another gateway running?',
  GatewayIdMismatch:
    'The configured gateway_id is not the one that the database belongs to. Remove it from the configuration.',
  DatabaseMoved: 'The database is a copy, or has moved. Adopt it with --adopt-database WORD.',
  KeyMissing: "The gateway's secret key is missing. Restore the file from a backup.",
  KeyMismatch: "The gateway's secret key does not match the database. Restore the right file.",
  KeyUnreadable:
    "The gateway's secret key cannot be read, is not a key, or is readable by everyone on the machine.",
  KeyUnwritable: "The gateway's secret key cannot be written on first start. See secret_key_path.",
  SealBroken: 'A sealed secret was changed or moved. Restore it, or set it again.',

  // Drivers
  NoDriverFound: 'No driver of this build has an engine on this host. Start an engine, or name a driver.',
  DriverNotInBuild: 'The driver is not in this build; the text has the command that adds it.',
  DriverUnknown: 'There is no driver of this name.',
  DriverUnavailable: 'The driver is in the build, but this host has no engine for it; the text says why.',
  DriverNotRunning: "This gateway does not run the sandbox's driver. Start it with --drivers.",
  DriverFailed: 'The driver failed for a reason without a name of its own.',
  DriverRunning: 'Another process of this driver uses the same folder. Stop it first.',
  DriverSocketUnsafe: "The driver's socket belongs to another user, or others may change it.",
  DriverSocketMissing: "The driver's socket does not exist. Is its process running?",
  DriverSocketUnreachable: "Nothing answers on the driver's socket. Is its process running?",
  SocketReplaced: "Another file is at the path of the driver's socket.",
  StartCrashedDriver: 'Starting this sandbox crashed the driver process three times. It is not tried again.',
  EngineSocket: "The engine's address in the configuration or the environment is invalid.",
  EngineUnavailable: 'The engine does not answer. Is it running?',
  KubeconfigInvalid: 'The kubeconfig cannot be used; the text says why.',
  KubernetesUnauthorized:
    "The API server refuses the gateway's account. Compare its permissions with docs/kubernetes.md.",
  KubernetesUnreachable: 'The API server does not answer.',
  SandboxApiUnsupported: 'The cluster has no Sandbox API in a version that this driver supports.',
  PartNotInBuild:
    'The request or the configuration needs a part that is not in this build; the text has the command that adds it.',

  // Database
  StoreClosed: 'The database is closed because the gateway is shutting down.',
  StoreLocked: 'Another process has locked the database. Is another gateway using it?',
  StoreCorrupt: 'The database is damaged. Restore a backup.',
  StoreNotWritable: 'The database cannot be written. Check the permissions and the file system.',
  StoreFull: 'There is no space left for the database.',
  StoreForeign: 'The file is a database of another program.',
  StoreNewer:
    'The database was written by a newer gateway. Use that one, or restore the copy from before the upgrade.',
  StoreMissing: 'There is no database at this location.',
  StoreEngineMissing: 'This Node has no SQLite, and the fallback package is not installed.',
  BackupExists: 'A file with this name already exists. Choose another name.',
  BackupFolderMissing: 'The folder for the backup does not exist.',
  BackupUnsupported: "The gateway cannot back up this store. Use the database's own tools.",
  BackupRefused: 'The gateway had to write to its database before the copy was complete. Try again.',
  BackupUnderWay: 'Another backup of this database is running. Wait for it.',

  // Images and disks
  ImageNotFound: 'There is no such image, and the pull policy does not allow pulling it.',
  ImagePullFailed: 'The image cannot be pulled; the text says why.',
  ImageInvalid: 'The image is malformed.',
  ImageTooLarge: 'The image has more or larger files than a machine supports.',
  ImageLabelsReserved:
    'The image has labels that begin with openshell.ai/, which are reserved for the gateway.',
  UnknownImageUser: "The image's user does not exist in the image.",
  RootDiskFailed: "The machine's root disk cannot be created or used.",
  HostDiskFull: "There is no space left on the host for the driver's files.",

  // Creating and running a sandbox
  ProvisioningFailed: 'The sandbox could not be created, for a reason without a name of its own.',
  ContainerCreateFailed: 'The engine refused to create the container; the text says why.',
  ContainerStartFailed: 'The engine could not start the container; the text says why.',
  CommandNotFound: "The sandbox's command is not in its image.",
  DeviceNotFound: 'The host has no device with this name.',
  GpuUnavailable: 'The host or the cluster has no GPU available.',
  InitMissing: 'The engine lacks the init program that sandboxes are started with.',
  UserNamespaceIdsMissing: 'The host has too few subordinate ids for user namespaces.',
  NetworkHelperMissing: 'The engine lacks a program that its networks require.',
  NetworkUnavailable: "The machine's network cannot be set up on this host.",
  NoIdleCommand: 'The image has no shell to idle in. Specify a command.',
  NoShell: 'The image has no /bin/sh, which an exec on this engine needs.',
  NoWorkspaceVolume: "The sandbox's workspace volume is gone.",
  GuestNotPrepared: 'The kernel or agent for microVMs is not prepared. Run the command that the text names.',
  BootFailed: 'The machine did not boot; the text has the end of its console.',
  QemuFailed: 'QEMU exited, or does not answer.',
  QemuKilled: 'QEMU was killed by a signal on the host.',
  NotRunning: 'The sandbox is not running on its engine.',
  Deleting: 'The sandbox is being removed from its engine.',
  StillTerminating: 'An object with the same name is still being removed. Try again later.',
  EngineNotAnswering:
    'The outcome of an operation is unknown because the engine did not report it. It is retried.',
  BackendResourceMissing: 'The sandbox no longer exists on its engine. Delete it.',
  UndoPending: 'What a failed create left on the engine is still being removed.',

  // Kubernetes
  AlreadyExists: 'The cluster already has an object with this name.',
  NamespaceNotOurs: "The namespace exists but does not have this gateway's label.",
  NamespaceTerminating: 'The namespace is being deleted. Try again later.',
  PodSecurityViolation: "The namespace's Pod security does not admit what the sandbox asks for.",
  QuotaExceeded: "The namespace's quota is used up.",
  ClaimChanged:
    "The volume claim's description of the stopped sandbox was changed. The sandbox is not started from it.",
  ClaimNotSigned:
    'The volume claim of the stopped sandbox has no signature from this gateway. See trust_unsigned_claims.',
  Evicted: 'The node evicted the Pod; the text says why.',
  NodeLost: 'The node no longer exists.',
  NodeShutdown: 'The node was shut down.',
  NodeUnreachable: "The Pod's node does not answer.",
  Preempted: 'The Pod was preempted by one of higher priority.',
  PodFailed: 'The Pod failed, for a reason without a name of its own.',

  Expired: 'The position of a watch is too old for the API server. The driver lists again.',
  KubernetesForbidden:
    "The gateway's account is not permitted to do this in the cluster. Grant it with the chart's Role.",
  KubernetesStarting: 'The API server has just started and may not know its roles yet. Try again.',
  NamespaceMissing: 'The configured namespace does not exist. Create it.',
  AnswerTooLarge: 'A response of the API server is larger than the driver accepts.',

  // Commands in a sandbox
  ExecFailed: 'The engine could not run the command; the text says why.',
  ExecLost: 'The connection to the command was lost before its exit code was known.',
  ExecNotBegun: 'The command was not started.',
  ProgramNotFound: 'The program does not exist in the sandbox, or cannot be executed.',
  UnknownUser: 'The user that the command should run as does not exist in the sandbox.',
  StdinNeverEnds:
    'This cluster cannot signal the end of stdin to a command. End the input within the command itself.',
} as const;

export type Reason = keyof typeof REASONS;

declare const foreign: unique symbol;
/** A reason from a driver process or an engine: a valid word that need not be in the table. */
export type ForeignReason = string & { readonly [foreign]: true };

const WORD = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Undefined unless it is a word of at most 64 letters, digits and underscores. */
export function foreignReason(text: string | undefined): ForeignReason | undefined {
  return text !== undefined && WORD.test(text) ? (text as ForeignReason) : undefined;
}
