/**
 * Every reason that an error of ours can have: a stable word for programs, with what it means and what to do. It is in
 * the details of a refused call, in the log, in front of the text of a program that does not start, and the reason of
 * a sandbox's condition when the error ends it. docs/reasons.md is written from this table.
 */
export const REASONS = {
  // What a request asks for
  MalformedRequest:
    'The bytes of the request are no message of this method. Check the client and its generation.',
  InvalidPageToken: 'The page token was changed, or belongs to another list. List from the first page again.',
  RequestIdReused: 'The request id was used for a different request. Take a new id for a new request.',
  NotSupported:
    'The request asks for something that this gateway cannot honour; the field says what. Leave it out.',
  NotAllowed:
    "The operator's lists do not allow what the request asks for. Ask the operator, or leave it out.",
  LimitTooHigh: 'A limit, a request or a number of GPUs is above what the operator allows. Ask for less.',
  LimitNotEnforceable:
    'The engine of this host cannot enforce a limit that is configured. Change the host or the setting.',
  SandboxNotFound: 'There is no sandbox of this name or id.',
  SandboxNotReady: 'The sandbox does not run yet, or no more. Wait until it is READY, or start it.',
  TemplateNotFound: 'There is no sandbox template of this name in the workspace.',
  WorkspaceNotFound: 'There is no workspace of this name. Create it first.',
  WorkspaceNotEmpty: 'Sandboxes are still in the workspace. Delete them first.',
  WorkspaceTerminating: 'The workspace is being deleted and takes nothing new.',
  WrongPhase: 'The operation does not fit what the sandbox is doing now. Look at its phase and try again.',
  NameInUse:
    'The engine has something else of the name that the sandbox needs. Remove it there, or take another name.',
  NameTaken: 'The cluster has an object of this name that is not ours. Remove it, or take another name.',
  AccessNotServed: "The sandbox's driver offers its lifecycle only: no exec and no logs.",

  // Who asks
  ClientCertificateMissing:
    'This gateway asks for a client certificate with a common name. Give one of its client CA.',
  ClientCertificateAmbiguous: 'The client certificate has several common names. Give one with a single name.',
  ClientCertificateExpired: 'The client certificate has expired. Renew it and connect again.',
  CertificatesChanged:
    'The client CA or its revocations changed since this connection was made. Connect again.',
  SignInExpired: 'The sign-in of this call expired while it ran. Renew it and call again.',
  NotLoopback: 'Without certificates only callers on the same machine are let in. Set up mutual TLS.',
  WrongKindOfCaller: 'The method is for another kind of caller: for users, or for the software in a sandbox.',
  NotYourSandbox: 'A sandbox asked about something that is not its own.',

  // Load
  TooManyConnections:
    'More connections were opened than limits.max_connections or its bound for one address allow.',
  TooManyCreates: 'More creates wait for one driver than max_pending_creates allows. Try again later.',
  TooManyStreams: 'One user has more streams open than limits.max_streams_per_user allows. End some.',
  ClientStalled: 'The client read nothing of a stream for too long. Read it as it comes.',
  WatchLagged:
    'The client of a watch was too slow, and changes were lost. Watch again: it begins with what is so now.',
  ShuttingDown: 'The gateway is ending. Try again.',
  CodeNotLoaded: 'Files of the gateway are gone, as after an upgrade in place. Start it again.',
  Uncaught:
    'An error that nothing handles ended the program, exit code 10. Report it with the line of the log.',

  // Start and configuration
  InvalidUsage: 'The command line is wrong; the text says where.',
  InvalidConfig: 'The configuration is wrong; the text lists every problem with its place.',
  Usage: 'The command line of the client is wrong; the text says where.',
  Interrupted: 'The program was told to end before it had started.',
  ListenFailed: 'A listener cannot use its address. Is another gateway running?',
  GatewayIdMismatch:
    'The configured gateway_id is not the one that the database belongs to. Take it out of the configuration.',
  DatabaseMoved:
    'The database is a copy, or lies elsewhere than before. Adopt it with --adopt-database WORD.',
  KeyMissing: "The gateway's secret key is gone. Put the file back from a backup.",
  KeyMismatch:
    "The gateway's secret key is not the one that the database was written with. Put the right file back.",
  KeyUnreadable:
    "The gateway's secret key cannot be read, is none, or is readable for everyone on the machine.",
  KeyUnwritable: "The gateway's secret key cannot be written at the first start. See secret_key_path.",
  SealBroken: 'A sealed secret was changed, or stands where it does not belong. Restore it, or set it again.',

  // Drivers
  NoDriverFound: 'No driver of this build has an engine on this host. Start an engine, or name a driver.',
  DriverNotInBuild: 'The driver is not in this build; the text has the command that brings it back.',
  DriverUnknown: 'There is no driver of this name.',
  DriverUnavailable: 'The driver is in the build, and this host has no engine for it; the text says why.',
  DriverNotRunning: "This gateway does not run the sandbox's driver. Start it with --drivers.",
  DriverFailed: 'The driver failed for a reason that has no word of its own.',
  DriverRunning: 'Another process of this driver uses the same folder. End it first.',
  DriverSocketUnsafe: "The driver's socket belongs to another user, or others may change it.",
  DriverSocketMissing: "The driver's socket is not there. Is its process running?",
  DriverSocketUnreachable: "Nobody answers on the driver's socket. Is its process running?",
  SocketReplaced: "Something else stands at the path of the driver's socket.",
  StartCrashedDriver: 'Starting this sandbox ended the driver process three times. It is not tried again.',
  EngineSocket: "The engine's address in the configuration or the environment is no address.",
  EngineUnavailable: 'The engine does not answer. Is it running?',
  KubeconfigInvalid: 'The kubeconfig cannot be used; the text says why.',
  KubernetesUnauthorized:
    "The API server refuses the gateway's account. Compare its rights with docs/kubernetes.md.",
  KubernetesUnreachable: 'The API server does not answer.',
  SandboxApiUnsupported: 'The cluster has no Sandbox API of a version that this driver knows.',
  PartNotInBuild:
    'The request or the configuration needs a part that is not in this build; the text has the command that brings it back.',

  // Database
  StoreClosed: 'The database is closed, for the gateway ends.',
  StoreLocked: 'Another process has the database. Is another gateway running on it?',
  StoreCorrupt: 'The database is damaged. Restore a backup.',
  StoreNotWritable: 'The database cannot be written. Check the rights and the file system.',
  StoreFull: 'There is no room left for the database.',
  StoreForeign: 'The file is a database of another program.',
  StoreNewer:
    'The database was written by a newer gateway. Start that one, or restore the copy from before the upgrade.',
  StoreMissing: 'There is no database at this place.',
  StoreEngineMissing: 'This Node has no SQLite, and the package that stands in is not installed.',
  BackupExists: 'A file of this name is there already. Name another one.',
  BackupFolderMissing: 'The folder for the backup is not there.',
  BackupUnsupported: "The gateway does not back this store up. Use its engine's own tools.",
  BackupRefused: 'The gateway had to have its database back before the copy was done. Try again.',
  BackupUnderWay: 'Another backup of this database runs. Wait for it.',

  // Images and disks
  ImageNotFound: 'There is no such image, and the pull policy asks for none from the registry.',
  ImagePullFailed: 'The image cannot be pulled; the text says why.',
  ImageInvalid: 'The image breaks the rules of its format.',
  ImageTooLarge: 'The image has more or larger files than a machine takes.',
  ImageLabelsReserved: 'The image has labels that begin with openshell.ai/, which are for the gateway alone.',
  UnknownImageUser: "The image's user is in none of its files.",
  RootDiskFailed: "The machine's root disk cannot be made or used.",
  HostDiskFull: 'There is no room left on the host for what the driver keeps.',

  // Making and running a sandbox
  ProvisioningFailed: 'The sandbox could not be made, for a reason that has no word of its own.',
  ContainerCreateFailed: 'The engine refused to create the container; the text says why.',
  ContainerStartFailed: 'The engine could not start the container; the text says why.',
  CommandNotFound: "The sandbox's command is not in its image.",
  DeviceNotFound: 'The host has no device of this name.',
  GpuUnavailable: 'The host or the cluster has no GPU to give.',
  InitMissing: 'The engine lacks the small init program that sandboxes are started with.',
  UserNamespaceIdsMissing: 'The host has too few subordinate ids for user namespaces.',
  NetworkHelperMissing: 'The engine lacks a program that its networks need.',
  NetworkUnavailable: "The machine's network cannot be set up on this host.",
  NoIdleCommand: 'The image has no shell to idle in. Give the sandbox a command.',
  NoShell: 'The image has no /bin/sh, which an exec on this engine needs.',
  NoWorkspaceVolume: "The sandbox's workspace volume is gone.",
  GuestNotPrepared: 'What microVMs boot from is not prepared. Run the command that the text names.',
  BootFailed: 'The machine did not boot; the text has the end of its console.',
  QemuFailed: 'QEMU ended, or does not answer.',
  QemuKilled: 'QEMU was ended by a signal of the host.',
  NotRunning: 'The sandbox does not run on its engine.',
  Deleting: 'The sandbox is being removed from its engine.',
  StillTerminating: 'What was there of the same name is still being removed. Try again later.',
  EngineNotAnswering: 'How an operation ended is not known, for the engine did not say. It goes on.',
  BackendResourceMissing: 'The sandbox is gone from its engine. Delete it.',
  UndoPending: 'What a failed create left on its engine is still being removed.',

  // Kubernetes
  AlreadyExists: 'The cluster has an object of this name already.',
  NamespaceNotOurs: "The namespace exists and does not carry this gateway's label.",
  NamespaceTerminating: 'The namespace is being deleted. Try again later.',
  PodSecurityViolation: "The namespace's Pod security does not admit what the sandbox asks for.",
  QuotaExceeded: "The namespace's quota is used up.",
  ClaimChanged: 'What the volume claim says of the stopped sandbox was changed. It is not started from it.',
  ClaimNotSigned:
    'The volume claim of the stopped sandbox carries no signature of this gateway. See trust_unsigned_claims.',
  Evicted: 'The node evicted the Pod; the text says why.',
  NodeLost: 'The node is gone.',
  NodeShutdown: 'The node was shut down.',
  NodeUnreachable: "The Pod's node does not answer.",
  Preempted: 'The Pod had to make room for one of higher priority.',
  PodFailed: 'The Pod failed, for a reason that has no word of its own.',

  Expired: 'What a watch was to go on from is too old for the API server. The driver lists anew.',
  KubernetesForbidden:
    "The gateway's account may not do this in the cluster. Grant it with the Role that the chart has.",
  KubernetesStarting: 'The API server has just come back and may not know its roles yet. Try again.',
  NamespaceMissing: 'The namespace that is configured does not exist. Create it.',
  AnswerTooLarge: 'An answer of the API server is larger than the driver takes.',

  // Commands in a sandbox
  ExecFailed: 'The engine could not run the command; the text says why.',
  ExecLost: 'The connection to the command was lost before it told its exit code.',
  ExecNotBegun: 'The command was not started.',
  ProgramNotFound: 'The program is not in the sandbox, or cannot be executed.',
  UnknownUser: 'The user that the command is to run as is not in the sandbox.',
  StdinNeverEnds:
    'On this cluster the end of stdin cannot be told to a command. Close it by the command itself.',
} as const;

export type Reason = keyof typeof REASONS;

declare const foreign: unique symbol;
/** The reason of somebody else: a driver process or an engine. A word, checked, that may be none of ours. */
export type ForeignReason = string & { readonly [foreign]: true };

const WORD = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Undefined unless it is a word of at most 64 letters, digits and underscores. */
export function foreignReason(text: string | undefined): ForeignReason | undefined {
  return text !== undefined && WORD.test(text) ? (text as ForeignReason) : undefined;
}
