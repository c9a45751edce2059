/** The compute driver API and, beside it, access to the inside of a driver's sandboxes. */
import { methodTable } from '../service.js';
import { SandboxAccess } from './generated/openshell/access/v1/sandbox_access_pb.js';
import { ComputeDriver } from './generated/openshell/compute/v1/compute_driver_pb.js';

export { encodeAccessOutput, encodeAccessStdin } from './access-frames.js';
export * from './generated/openshell/access/v1/sandbox_access_pb.js';
export * from './generated/openshell/compute/v1/compute_driver_pb.js';

export const driverMethods = methodTable(ComputeDriver);
export const accessMethods = methodTable(SandboxAccess);
