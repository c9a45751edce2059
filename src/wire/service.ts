import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { createMethod, type Method } from './method.js';
import { methodShape } from './method-shape.js';

/** The methods of a service, keyed by name with a lower-case first letter (`getSandbox`). */
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
