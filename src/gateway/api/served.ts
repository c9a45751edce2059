import { unavailable } from '../../compute/errors.js';
import { rpcs as healthRpcs } from '../../wire/health/rpcs.js';
import { encodeHealthy } from '../../wire/health-answer.js';
import type { MethodShape } from '../../wire/method-shape.js';
import { SERVICE } from '../../wire/v00/rpcs.js';
import { rpcs } from '../../wire/v01/rpcs.js';
import { ANYONE, methodAccess } from '../auth/methods.js';
import type { MethodAccess } from '../auth/principal.js';
import type { Services } from '../services/services.js';
import type { GenerationObserver } from './generations.js';
import type { Handler, Method, ServedMethod } from './method.js';

/** All methods that the gateway serves. Their handlers, which decode messages, are loaded later. */
export interface Api {
  readonly methods: readonly ServedMethod[];
  /** Loads the handlers now, so that the first caller does not wait for them. */
  load(): Promise<void>;
}

type Handlers = ReadonlyMap<string, Handler>;

/**
 * Maps the public API onto the services. Loading the message schemas takes as long as loading the rest of the gateway,
 * so they are loaded by the first call that needs them, or by `load`. Health is answered without them. served.ts lists
 * the methods, generations.ts detects the generation of each request, v00/ and v01/ decode and encode, shared/ has what
 * both generations share.
 */
export function createApi(services: Services, observe: GenerationObserver): Api {
  const openShell = loadOnce(async () => {
    const { openShellMethods } = await import('./generations.js');
    return byPath(openShellMethods(services, observe));
  });
  const standardHealth = loadOnce(async () => {
    const { healthMethods } = await import('./health.js');
    return byPath(healthMethods([SERVICE]));
  });

  const healthy = encodeHealthy(services.info.version);
  function health(full: ServedMethod['handler']): Handler {
    return {
      kind: 'unary',
      async handle(request, caller) {
        if (request.length === 0) {
          observe('Health', 'either');
          return healthy;
        }
        const handler = await full();
        if (handler.kind !== 'unary') {
          throw new Error(`Health is ${handler.kind}`);
        }
        return handler.handle(request, caller);
      },
    };
  }

  return {
    methods: [
      ...rpcs.map((rpc): ServedMethod => {
        const method = served(rpc, openShell, methodAccess(rpc.name));
        if (rpc.name !== 'Health') {
          return method;
        }
        const quick = health(method.handler);
        return { ...method, handler: () => quick };
      }),
      ...healthRpcs.map((rpc): ServedMethod => served(rpc, standardHealth, ANYONE)),
    ],
    async load() {
      await openShell();
    },
  };
}

function served(
  { path, requestStream, responseStream }: MethodShape,
  load: () => Promise<Handlers>,
  access: MethodAccess,
): ServedMethod {
  return {
    path,
    requestStream,
    responseStream,
    access,
    handler: async () => (await load()).get(path) ?? UNIMPLEMENTED,
  };
}

const UNIMPLEMENTED: Handler = { kind: 'unimplemented' };

function byPath(methods: readonly Method[]): Handlers {
  return new Map(methods.map(({ path, handler }) => [path, handler]));
}

/** Loads at the first call, and again after a failure. */
function loadOnce(load: () => Promise<Handlers>): () => Promise<Handlers> {
  let loaded: Promise<Handlers> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw unavailable('the code for this call could not be loaded', {
        reason: 'CodeNotLoaded',
        hint: 'was the gateway upgraded while it ran? restart it',
        cause: error,
      });
    });
    return loaded;
  };
}
