import { Code, OpenShellError } from '../../compute/errors.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { show } from '../output/show.js';
import { details } from '../output/table.js';
import { type GatewayInfo, plainMethods } from '../plain/methods.js';

export async function run(context: Context): Promise<number> {
  const gateway = await context.connect();
  const { signal } = context;
  const { status, version } = await gateway.call(plainMethods.health, undefined, { signal });
  const { authentication, info } = await askInfo(gateway, signal);
  const drivers = info?.compute_drivers.map(({ name, capabilities }) =>
    capabilities?.driver_version ? `${name} (${capabilities.driver_version})` : name,
  );
  await show(context, {
    table: () =>
      details([
        ['Gateway', gateway.endpoint.url],
        ['Status', `Connected (${status})`],
        ['Version', version],
        ['Authentication', authentication],
        ['Drivers', drivers?.join(', ')],
      ]),
    value: () => ({
      gateway_endpoint: gateway.endpoint.url,
      connected: true,
      status,
      version,
      authentication: authentication.toLowerCase(),
      compute_drivers: info?.compute_drivers ?? [],
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
  info?: GatewayInfo;
}> {
  try {
    return {
      authentication: 'Verified',
      info: await gateway.call(plainMethods.getGatewayInfo, undefined, { signal }),
    };
  } catch (error) {
    if (!(error instanceof OpenShellError)) {
      throw error;
    }
    if (error.code === Code.UNIMPLEMENTED) {
      return { authentication: 'Unverified' };
    }
    if (error.code === Code.UNAUTHENTICATED) {
      return { authentication: 'Missing' };
    }
    if (error.code === Code.PERMISSION_DENIED) {
      return { authentication: 'Denied' };
    }
    throw error;
  }
}
