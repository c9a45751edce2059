import { Code, OpenShellError } from '../../compute/errors.js';
import {
  type GetGatewayInfoResponse,
  GetGatewayInfoResponseSchema,
  methods,
  ServiceStatusSchema,
} from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { enumWord, plain } from '../output/plain.js';
import { show } from '../output/show.js';
import { details } from '../output/table.js';

export async function run(context: Context): Promise<number> {
  const gateway = await context.connect();
  const { signal } = context;
  const health = await gateway.call(methods.health, {}, { signal });
  const { authentication, info } = await askInfo(gateway, signal);
  const status = enumWord(ServiceStatusSchema, health.status);
  const drivers = info?.computeDrivers.map(({ name, capabilities }) =>
    capabilities?.driverVersion ? `${name} (${capabilities.driverVersion})` : name,
  );
  await show(context, {
    table: () =>
      details([
        ['Gateway', gateway.endpoint.url],
        ['Status', `Connected (${status})`],
        ['Version', health.version],
        ['Authentication', authentication],
        ['Drivers', drivers?.join(', ')],
      ]),
    value: () => ({
      gateway_endpoint: gateway.endpoint.url,
      connected: true,
      status,
      version: health.version,
      authentication: authentication.toLowerCase(),
      compute_drivers: info === undefined ? [] : plain(GetGatewayInfoResponseSchema, info).compute_drivers,
    }),
  });
  return EXIT.ok;
}

/** Health needs no identity, GetGatewayInfo does: its answer tells whether we have one. Older gateways lack it. */
async function askInfo(
  gateway: Gateway,
  signal: AbortSignal,
): Promise<{
  authentication: 'Verified' | 'Unverified' | 'Missing' | 'Denied';
  info?: GetGatewayInfoResponse;
}> {
  try {
    return {
      authentication: 'Verified',
      info: await gateway.call(methods.getGatewayInfo, {}, { signal }),
    };
  } catch (error) {
    if (!(error instanceof OpenShellError)) throw error;
    if (error.code === Code.UNIMPLEMENTED) return { authentication: 'Unverified' };
    if (error.code === Code.UNAUTHENTICATED) return { authentication: 'Missing' };
    if (error.code === Code.PERMISSION_DENIED) return { authentication: 'Denied' };
    throw error;
  }
}
