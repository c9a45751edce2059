/** The compute driver API and, beside it, access to the inside of a driver's sandboxes. */
export * from './generated/openshell/access/v1/sandbox_access_pb.js';
export * from './generated/openshell/compute/v1/compute_driver_pb.js';
