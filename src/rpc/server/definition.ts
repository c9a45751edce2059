import type { MethodShape } from '../../wire/method-shape.js';

/** A method as grpc-js registers it, with messages left as the bytes that they came as. */
export interface RawMethodDefinition {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize(bytes: Buffer): Buffer;
  requestDeserialize(bytes: Buffer): Buffer;
  responseSerialize(bytes: Buffer): Buffer;
  responseDeserialize(bytes: Buffer): Buffer;
}

/** A grpc-js service definition keyed by `name`, whose handlers receive and answer raw buffers. */
export function rawServiceDefinition(methods: Iterable<MethodShape>): Record<string, RawMethodDefinition> {
  const definition: Record<string, RawMethodDefinition> = {};
  for (const { name, path, requestStream, responseStream } of methods) {
    definition[name] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
  }
  return definition;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
