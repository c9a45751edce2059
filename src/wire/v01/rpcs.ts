import { type MethodShape, methodShape } from '../method-shape.js';
import { type MethodName as OldMethodName, SERVICE, rpcs as v00 } from '../v00/rpcs.js';

/** Generation 0.1 also has all methods of 0.0. */
// biome-ignore format: a list of words
const ADDED = [
  'ExchangeProviderSubjectToken', 'GetProviderCredentials', 'GetSandboxProviderStatus',
  'ReportEndpointStatus', 'ReportProviderReadiness', 'ReportSandboxConfiguration',
  'FinalizeMainProcessExit', 'CreateSandboxTemplate', 'GetSandboxTemplate', 'ListSandboxTemplates',
  'DeleteSandboxTemplate', 'BeginRootfsTarStaging', 'PeerRelay', 'PeerReportProviderReadiness',
  'PeerReportEndpointStatus', 'PeerGetSandboxProviderStatus', 'PeerNotifyConfigUpdate',
] as const;

export type MethodName = OldMethodName | (typeof ADDED)[number];

/** Every method of the service in generation 0.1, including those that our gateway does not serve. */
export const rpcs: readonly MethodShape<MethodName>[] = [
  ...v00,
  ...ADDED.map((name) => methodShape(SERVICE, name, name === 'PeerRelay' ? 'bidi_streaming' : 'unary')),
];
