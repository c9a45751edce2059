/**
 * Generation 0.0 of the public gateway API.
 *
 * Schemas of the messages of served methods load with this module. The other messages are types only; to serve their
 * methods, export their schemas too.
 */
import { bytesField, type Encoded } from '../bytes-field.js';

export * from './generated/openshell/datamodel/v1/datamodel_pb.js';
export * from './generated/openshell/sandbox/v1/config_pb.js';
export * from './generated/openshell/sandbox/v1/policy_pb.js';
export type * from './generated/openshell/v1/draft_policy_pb.js';
export * from './generated/openshell/v1/exec_pb.js';
export * from './generated/openshell/v1/gateway_pb.js';
export type * from './generated/openshell/v1/openshell_pb.js';
export type * from './generated/openshell/v1/policy_pb.js';
export type * from './generated/openshell/v1/provider_pb.js';
export * from './generated/openshell/v1/sandbox_pb.js';
export type * from './generated/openshell/v1/service_endpoint_pb.js';
export type * from './generated/openshell/v1/session_pb.js';
export type * from './generated/openshell/v1/supervisor_pb.js';
export * from './generated/openshell/v1/watch_pb.js';
export * from './generated/openshell/v1/workspace_pb.js';
export { methods } from './methods.js';
export { rpcs, SERVICE } from './rpcs.js';

const STDOUT = 1;
const STDERR = 2;
const DATA = 1;

/** An ExecSandboxEvent that carries output, encoded without building the message. */
export function encodeExecOutput(stream: 'stdout' | 'stderr', data: Uint8Array): Encoded {
  return bytesField(DATA, data, stream === 'stdout' ? STDOUT : STDERR);
}
