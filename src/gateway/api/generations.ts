import { type Detected, type Generation, generationDetector } from '../../wire/generation.js';
import type { MethodShape } from '../../wire/method-shape.js';
import { rpcs } from '../../wire/v01/index.js';
import type { Services } from '../services/services.js';
import type { Handler, Method } from './method.js';
import { unimplemented } from './method.js';
import { sharedMethods } from './shared/methods.js';
import { v00Methods } from './v00/methods.js';
import { v01Methods } from './v01/methods.js';

/** Whose a request is, for the count of requests; `either` when nothing in it tells and both would read it alike. */
type RequestGeneration = Generation | 'either';

export type GenerationObserver = (method: string, generation: RequestGeneration) => void;

/** First pages are alike in both, and an answer of 0.1 is one of 0.0 with a token more. */
const UNMARKED_AS_NEW: ReadonlySet<string> = new Set(['ListWorkspaces']);

/**
 * Every method of openshell.v1.OpenShell, once: a request is read and answered in its own
 * generation. What no mark tells is generation 0.0's, which alone has requests without one.
 */
export function openShellMethods(services: Services, observe: GenerationObserver): Method[] {
  const shared = byPath(sharedMethods(services));
  const old = byPath(v00Methods(services));
  const young = byPath(v01Methods(services));
  return rpcs.map((rpc) => {
    const either = shared.get(rpc.path);
    if (either !== undefined) {
      return { ...either, handler: counted(either.handler, rpc, observe) };
    }
    const v00 = old.get(rpc.path);
    const v01 = young.get(rpc.path);
    if (v01 === undefined) {
      return unimplemented(rpc);
    }
    const handlers = { v00: v00?.handler, v01: v01.handler };
    return { ...v01, handler: dispatched(handlers, rpc, observe) };
  });
}

function byPath(methods: readonly Method[]): ReadonlyMap<string, Method> {
  return new Map(methods.map((method) => [method.path, method]));
}

function counted(handler: Handler, { name }: MethodShape, observe: GenerationObserver): Handler {
  const detect = generationDetector(name);
  return choosing(handler.kind, (bytes) => {
    const detected = detect(bytes);
    observe(name, detected === 'unmarked' ? 'either' : detected);
    return handler;
  });
}

/** `v00` undefined: the method came with 0.1. */
function dispatched(
  handlers: { readonly v00: Handler | undefined; readonly v01: Handler },
  { name }: MethodShape,
  observe: GenerationObserver,
): Handler {
  const detect = generationDetector(name);
  const { v00, v01 } = handlers;
  function generationOf(detected: Detected): RequestGeneration {
    if (v00 === undefined) {
      return '0.1';
    }
    if (detected !== 'unmarked') {
      return detected;
    }
    return UNMARKED_AS_NEW.has(name) ? 'either' : '0.0';
  }

  return choosing(v01.kind, (bytes) => {
    const generation = generationOf(detect(bytes));
    observe(name, generation);
    return generation === '0.0' && v00 !== undefined ? v00 : v01;
  });
}

/** A handler of that kind that leaves each call to the handler that `choose` gives for its first message. */
function choosing(kind: Handler['kind'], choose: (bytes: Buffer) => Handler): Handler {
  function as<K extends Handler['kind']>(wanted: K, bytes: Buffer): Extract<Handler, { kind: K }> {
    const handler = choose(bytes);
    if (handler.kind === wanted) {
      return handler as Extract<Handler, { kind: K }>;
    }
    throw new Error(`a method is ${handler.kind} in one generation and ${wanted} in the other`);
  }

  switch (kind) {
    case 'unary':
      return { kind, handle: (bytes, caller) => as('unary', bytes).handle(bytes, caller) };
    case 'server-stream':
      return {
        kind,
        handle: (bytes, caller, send) => as('server-stream', bytes).handle(bytes, caller, send),
      };
    case 'bidi':
      return {
        kind,
        async handle(requests, caller, send) {
          const iterator = requests[Symbol.asyncIterator]();
          const first = await iterator.next();
          const handler = as('bidi', first.done === true ? Buffer.alloc(0) : first.value);
          await handler.handle(from(first, iterator), caller, send);
        },
      };
    case 'unimplemented':
      return { kind };
  }
}

/** A stream whose first message was read already. */
async function* from(first: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) {
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}
