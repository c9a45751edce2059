/**
 * Generation 0.1 of the public gateway API.
 *
 * Schemas of the messages of served methods load with this module. The other messages are in generated/; to serve
 * their methods, export them here.
 */
export * from './generated/openshell/datamodel/v1/datamodel_pb.js';
export * from './generated/openshell/v1/exec_pb.js';
export * from './generated/openshell/v1/gateway_pb.js';
export * from './generated/openshell/v1/sandbox_pb.js';
export { DeletionOutcome } from './generated/openshell/v1/sandbox_status_pb.js';
export * from './generated/openshell/v1/template_pb.js';
export * from './generated/openshell/v1/watch_pb.js';
export * from './generated/openshell/v1/workspace_pb.js';
export { methods } from './methods.js';
export { rpcs } from './rpcs.js';
