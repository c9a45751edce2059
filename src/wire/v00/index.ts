/** Generation 0.0 of the public gateway API: messages, their schemas and the service. */
export * from './generated/openshell/datamodel/v1/datamodel_pb.js';
export * from './generated/openshell/sandbox/v1/config_pb.js';
export * from './generated/openshell/sandbox/v1/policy_pb.js';
export * from './generated/openshell/v1/draft_policy_pb.js';
export * from './generated/openshell/v1/exec_pb.js';
export * from './generated/openshell/v1/gateway_pb.js';
export * from './generated/openshell/v1/openshell_pb.js';
export * from './generated/openshell/v1/policy_pb.js';
export * from './generated/openshell/v1/provider_pb.js';
export * from './generated/openshell/v1/relay_target_pb.js';
export * from './generated/openshell/v1/sandbox_pb.js';
export * from './generated/openshell/v1/service_endpoint_pb.js';
export * from './generated/openshell/v1/session_pb.js';
export * from './generated/openshell/v1/supervisor_pb.js';
export * from './generated/openshell/v1/watch_pb.js';
export * from './generated/openshell/v1/workspace_pb.js';
