import type { ServiceDefinition } from '@grpc/grpc-js';
import type { Encoded } from '../../wire/bytes-field.js';
import type { MethodPath } from './contract.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A grpc-js service definition by the methods' names, whose handlers receive and answer messages as bytes. */
export function rawServiceDefinition(methods: Iterable<MethodPath>): Mutable<ServiceDefinition> {
  const definition: Mutable<ServiceDefinition> = {};
  for (const { path, requestStream, responseStream } of methods) {
    definition[nameOf(path)] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asFrame,
      responseDeserialize: asIs,
    };
  }
  return definition;
}

/** `Method` of `/package.Service/Method`. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function asIs(message: Buffer): Buffer {
  return message;
}

/** grpc-js uses only the length of what is sent, and its `copy`, after five bytes of its own. */
function asFrame(message: Encoded): Buffer {
  return message as Buffer;
}
