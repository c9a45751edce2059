import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { MethodShape } from './method-shape.js';

/**
 * One method with the four conversions between its messages and bytes.
 *
 * Decoding throws an Error that names the message and the problem; a server responds to it with INVALID_ARGUMENT.
 * Unknown fields are dropped. `bytes` fields of a decoded message share memory with the input.
 */
export interface Method<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage>
  extends MethodShape {
  readonly input: I;
  readonly output: O;
  decodeRequest(bytes: Uint8Array): MessageShape<I>;
  encodeResponse(message: MessageInitShape<O>): Buffer;
  encodeRequest(message: MessageInitShape<I>): Buffer;
  decodeResponse(bytes: Uint8Array): MessageShape<O>;
}

type Messages = Readonly<Record<string, readonly [request: DescMessage, response: DescMessage]>>;

/** Methods of a service with their messages, given by name and keyed as in a generated service (`getSandbox`). */
export function methodsOf<const M extends Messages>(shapes: readonly MethodShape[], messages: M) {
  const methods = Object.entries(messages).map(([name, [input, output]]) => {
    const shape = shapes.find((known) => known.name === name);
    if (shape === undefined) {
      throw new Error(`the service has no method ${name}`);
    }
    return [name.charAt(0).toLowerCase() + name.slice(1), createMethod(shape, input, output)];
  });
  return Object.fromEntries(methods) as {
    readonly [K in keyof M & string as Uncapitalize<K>]: Method<M[K][0], M[K][1]>;
  };
}

export function createMethod<I extends DescMessage, O extends DescMessage>(
  shape: MethodShape,
  input: I,
  output: O,
): Method<I, O> {
  return {
    ...shape,
    input,
    output,
    decodeRequest: (bytes) => decode(input, bytes),
    encodeResponse: (message) => encode(output, message),
    encodeRequest: (message) => encode(input, message),
    decodeResponse: (bytes) => decode(output, bytes),
  };
}

function encode<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  const bytes = toBinary(schema, create(schema, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decode<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the ${bytes.length} bytes received are not a ${schema.typeName}: ${reason}`, {
      cause: error,
    });
  }
}
