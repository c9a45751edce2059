/** The compute driver API and, beside it, access to the inside of a driver's sandboxes. */
import { encodeBytesField } from '../bytes-field.js';
import { methodTable } from '../service.js';
import { SandboxAccess } from './generated/openshell/access/v1/sandbox_access_pb.js';
import { ComputeDriver } from './generated/openshell/compute/v1/compute_driver_pb.js';

export * from './generated/openshell/access/v1/sandbox_access_pb.js';
export * from './generated/openshell/compute/v1/compute_driver_pb.js';

export const driverMethods = methodTable(ComputeDriver);
export const accessMethods = methodTable(SandboxAccess);

const OUTPUT_STDOUT = 2;
const OUTPUT_STDERR = 3;
const INPUT_STDIN = 2;

/** An ExecOutput that carries output, encoded without building the message. */
export function encodeAccessOutput(stream: 'stdout' | 'stderr', data: Uint8Array): Buffer {
  return encodeBytesField(stream === 'stdout' ? OUTPUT_STDOUT : OUTPUT_STDERR, data);
}

/** An ExecInput that carries stdin, encoded without building the message. */
export function encodeAccessStdin(data: Uint8Array): Buffer {
  return encodeBytesField(INPUT_STDIN, data);
}
