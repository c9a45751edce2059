import { once } from 'node:events';
import { notFound } from '../../compute/errors.js';
import {
  HealthCheckResponse_ServingStatus as Serving,
  healthMethods as wire,
} from '../../wire/health/index.js';
import type { Method } from './method.js';
import { serverStream, unary } from './method.js';

/** grpc.health.v1: SERVING, for the gateway and each of `services`, as long as the gateway answers. */
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
      if (!signal.aborted) {
        await once(signal, 'abort');
      }
    }),
  ];
}
