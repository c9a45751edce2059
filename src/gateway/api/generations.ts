import { type Generation, generationDetector } from '../../wire/generation.js';
import type { MethodShape } from '../../wire/method-shape.js';
import { rpcs } from '../../wire/v01/index.js';
import type { Services } from '../services/services.js';
import type { Handler, Method } from './method.js';
import { unimplemented } from './method.js';
import { sharedMethods } from './shared/methods.js';
import { v00Methods } from './v00/methods.js';
import { v01Methods } from './v01/methods.js';

/** The generation of a request in the metrics; `either`: its bytes mean the same in both. */
type RequestGeneration = Generation | 'either';

export type GenerationObserver = (method: string, generation: RequestGeneration) => void;

/** First-page requests are the same in both, and a response of 0.1 is one of 0.0 with a token added. */
const UNMARKED_IS_EITHER: ReadonlySet<string> = new Set(['ListWorkspaces']);

/**
 * All methods of openshell.v1.OpenShell. The generation of each request is detected from its bytes, and the request is
 * decoded and answered in that generation. A request without a mark is one of 0.0: every request of 0.1 has one.
 */
export function openShellMethods(services: Services, observe: GenerationObserver): Method[] {
  const shared = byPath(sharedMethods(services));
  const v00 = byPath(v00Methods(services));
  const v01 = byPath(v01Methods(services));
  return rpcs.map((rpc) => {
    const either = shared.get(rpc.path);
    if (either !== undefined) {
      return { ...either, handler: counted(either.handler, rpc, observe) };
    }
    const method = v01.get(rpc.path);
    return method === undefined
      ? unimplemented(rpc)
      : { ...method, handler: dispatched(v00.get(rpc.path)?.handler, method.handler, rpc, observe) };
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

/** `v00` undefined: the method is new in 0.1. */
function dispatched(
  v00: Handler | undefined,
  v01: Handler,
  { name }: MethodShape,
  observe: GenerationObserver,
): Handler {
  const detect = generationDetector(name);
  function generationOf(bytes: Buffer): RequestGeneration {
    if (v00 === undefined) {
      return '0.1';
    }
    const detected = detect(bytes);
    if (detected !== 'unmarked') {
      return detected;
    }
    return UNMARKED_IS_EITHER.has(name) ? 'either' : '0.0';
  }

  return choosing(v01.kind, (bytes) => {
    const generation = generationOf(bytes);
    observe(name, generation);
    return generation === '0.0' && v00 !== undefined ? v00 : v01;
  });
}

/** A handler that passes each call to the one that `choose` returns for its first message. */
function choosing(kind: Handler['kind'], choose: (bytes: Buffer) => Handler): Handler {
  function as<K extends Handler['kind']>(expected: K, bytes: Buffer): Extract<Handler, { kind: K }> {
    const handler = choose(bytes);
    if (handler.kind === expected) {
      return handler as Extract<Handler, { kind: K }>;
    }
    throw new Error(`a method is ${handler.kind} in one generation and ${expected} in the other`);
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
          await handler.handle(withFirst(first, iterator), caller, send);
        },
      };
    case 'unimplemented':
      return { kind };
  }
}

/** A stream whose first message has already been read. */
async function* withFirst(
  first: IteratorResult<Buffer>,
  rest: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) {
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}
