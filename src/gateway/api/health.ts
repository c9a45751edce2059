import { notFound } from '../../compute/errors.js';
import {
  HealthCheckResponse_ServingStatus as Serving,
  healthMethods as wire,
} from '../../wire/health/index.js';
import type { Method } from './method.js';
import { serverStream, unary } from './method.js';

/** grpc.health.v1: the gateway serves from its first answer to its last, as a whole and for each of `services`. */
export function healthMethods(services: readonly string[]): Method[] {
  function serves(service: string) {
    return service === '' || services.includes(service);
  }

  return [
    unary(wire.check, ({ service }) => {
      if (!serves(service)) {
        throw notFound(`unknown service '${service}'`);
      }
      return { status: Serving.SERVING };
    }),
    unary(wire.list, () => ({
      statuses: Object.fromEntries(
        ['', ...services].map((service) => [service, { status: Serving.SERVING }]),
      ),
    })),
    serverStream(wire.watch, async ({ service }, { signal }, send) => {
      await send(
        wire.watch.encodeResponse({ status: serves(service) ? Serving.SERVING : Serving.SERVICE_UNKNOWN }),
      );
      await new Promise<void>((resolve) => {
        if (signal.aborted) {
          resolve();
        }
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }),
  ];
}
