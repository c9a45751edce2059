import { type MethodShape, methodShape } from '../method-shape.js';

const SERVICE = 'grpc.health.v1.Health';

/** Every method of the standard gRPC health service. */
export const rpcs: readonly MethodShape[] = [
  methodShape(SERVICE, 'Check', 'unary'),
  methodShape(SERVICE, 'List', 'unary'),
  methodShape(SERVICE, 'Watch', 'server_streaming'),
];
