import { type MethodShape, methodShape } from '../method-shape.js';
import { type MethodName as OldMethodName, SERVICE, rpcs as v00 } from '../v00/rpcs.js';

/** Those of 0.0 are all in 0.1 as well. */
// biome-ignore format: a list of words
const ADDED = [
  'ExchangeProviderSubjectToken', 'GetProviderCredentials', 'GetSandboxProviderStatus',
  'ReportEndpointStatus', 'ReportProviderReadiness', 'ReportSandboxConfiguration',
  'FinalizeMainProcessExit', 'CreateSandboxTemplate', 'GetSandboxTemplate', 'ListSandboxTemplates',
  'DeleteSandboxTemplate', 'BeginRootfsTarStaging', 'PeerRelay', 'PeerReportProviderReadiness',
  'PeerReportEndpointStatus', 'PeerGetSandboxProviderStatus', 'PeerNotifyConfigUpdate',
] as const;

export type MethodName = OldMethodName | (typeof ADDED)[number];

/** Every method of the service in generation 0.1, also those that no gateway of ours serves. */
export const rpcs: readonly MethodShape<MethodName>[] = [
  ...v00,
  ...ADDED.map((name) => methodShape(SERVICE, name, name === 'PeerRelay' ? 'bidi_streaming' : 'unary')),
];
