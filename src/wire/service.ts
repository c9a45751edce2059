import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { createMethod, type Method } from './method.js';
import { type MethodShape, methodShape } from './method-shape.js';

/** The methods of a service, keyed by name with a small first letter (`getSandbox`). */
export type MethodTable<S extends GenService<GenServiceMethods>> = {
  readonly [K in keyof S['method']]: Method<S['method'][K]['input'], S['method'][K]['output']>;
};

export function methodTable<S extends GenService<GenServiceMethods>>(service: S): MethodTable<S> {
  const table: Record<string, Method> = {};
  for (const rpc of service.methods) {
    const shape = methodShape(service.typeName, rpc.name, rpc.methodKind);
    table[rpc.localName] = createMethod(shape, rpc.input, rpc.output);
  }
  return table as unknown as MethodTable<S>;
}

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
