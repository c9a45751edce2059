import { timingSafeEqual } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import type { ComputeDriver } from '../compute/driver.js';
import { Code, OpenShellError } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';
import type { Admitted, IncomingCall } from '../rpc/server/contract.js';
import { createRpcServer } from '../rpc/server/server.js';
import { accessMethodsOf } from './access-server.js';
import { driverMethodsOf } from './driver-server.js';
import { prepareSocket } from './socket.js';
import { TOKEN_KEY } from './token.js';

interface ServeDriverOptions {
  readonly driver: ComputeDriver;
  /** Of a Unix socket, which is made 0600 in a folder of 0700. */
  readonly socketPath: string;
  /** Calls without it are refused. Undefined: the socket's mode alone protects the driver. */
  readonly token?: string | undefined;
  readonly log: Logger;
}

export interface ServedDriver {
  /** Ends calls at once; sandboxes keep running. */
  close(): Promise<void>;
}

/** A spec with an environment and a driver_config at their limits fits several times. */
const REQUEST_BYTES = 4 * 1024 * 1024;

/** Serves a driver as openshell.compute.v1.ComputeDriver, and access to its sandboxes beside it. */
export async function serveDriver(options: ServeDriverOptions): Promise<ServedDriver> {
  const { driver, socketPath, token, log } = options;
  const { access } = driver;
  const methods = [...driverMethodsOf(driver), ...(access === undefined ? [] : accessMethodsOf(access))];
  const server = createRpcServer({
    what: 'driver',
    methods: methods.map((method) => ({ ...method, handler: () => method.handler })),
    admit: admitter(token),
    requestBytes: REQUEST_BYTES,
    sendsRequestIds: false,
    log,
  });
  await prepareSocket(socketPath);
  const umask = process.umask(0o177);
  try {
    await server.listen(`unix:${socketPath}`);
  } finally {
    process.umask(umask);
  }
  await chmod(socketPath, 0o600);
  return {
    async close() {
      server.end();
    },
  };
}

function admitter(token: string | undefined) {
  return (call: IncomingCall): Admitted<IncomingCall> => {
    if (token === undefined || same(call.header(TOKEN_KEY) ?? '', token)) {
      return { caller: call, subject: 'gateway' };
    }
    throw new OpenShellError(
      Code.UNAUTHENTICATED,
      'this driver answers the gateway that started it, and no one else',
    );
  };
}

function same(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
