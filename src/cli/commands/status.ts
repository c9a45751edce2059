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

/** What a refused GetGatewayInfo says about our identity; older gateways lack the method. */
const REFUSALS: ReadonlyMap<Code, string> = new Map([
  [Code.UNIMPLEMENTED, 'Unverified'],
  [Code.UNAUTHENTICATED, 'Missing'],
  [Code.PERMISSION_DENIED, 'Denied'],
]);

/** Health needs no identity, GetGatewayInfo does: its response shows whether we have one. */
async function askInfo(
  gateway: Gateway,
  signal: AbortSignal,
): Promise<{ authentication: string; info?: GatewayInfo }> {
  try {
    const info = await gateway.call(plainMethods.getGatewayInfo, undefined, { signal });
    return { authentication: 'Verified', info };
  } catch (error) {
    const authentication = error instanceof OpenShellError ? REFUSALS.get(error.code) : undefined;
    if (authentication === undefined) {
      throw error;
    }
    return { authentication };
  }
}
