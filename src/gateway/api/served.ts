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

/** All that the gateway answers, by the shape of its calls; what reads their messages loads later. */
export interface Api {
  readonly methods: readonly ServedMethod[];
  /** Loads what reads the messages of both generations, so that no caller waits for it. */
  load(): Promise<void>;
}

type Handlers = ReadonlyMap<string, Handler>;

/**
 * The schemas of the messages cost a starting process as much time as all the rest of the gateway: they load with
 * the first call that needs them, or with `load`. Health is answered without them.
 */
export function createApi(services: Services, observe: GenerationObserver): Api {
  const openShell = once(async () => {
    const { openShellMethods } = await import('./generations.js');
    return byPath(openShellMethods(services, observe));
  });
  const standardHealth = once(async () => {
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
    handler: async () => (await load()).get(path) ?? unserved,
  };
}

const unserved: Handler = { kind: 'unimplemented' };

function byPath(methods: readonly Method[]): Handlers {
  return new Map(methods.map(({ path, handler }) => [path, handler]));
}

/** Loads at the first call, and again after a failure. */
function once(load: () => Promise<Handlers>): () => Promise<Handlers> {
  let loaded: Promise<Handlers> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw unavailable('the code that answers this call could not be loaded', {
        reason: 'CodeNotLoaded',
        hint: 'was the gateway replaced while it ran? start it again',
        cause: error,
      });
    });
    return loaded;
  };
}
