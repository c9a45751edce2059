/** The standard gRPC health service. */
import { methodTable } from '../service.js';
import { Health } from './generated/grpc/health/v1/health_pb.js';

export * from './generated/grpc/health/v1/health_pb.js';

export const healthMethods = methodTable(Health);
