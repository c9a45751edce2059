import { timingSafeEqual } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import type { ComputeDriver } from '../compute/driver.js';
import { Code, OpenShellError } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';
import type { Admitted, IncomingCall } from '../rpc/server/contract.js';
import { createRpcServer } from '../rpc/server/server.js';
import { accessMethodsOf } from './access-server.js';
import { driverMethodsOf } from './driver-server.js';
import { TOKEN_KEY } from './method.js';
import { prepareSocket } from './socket.js';

interface ServeDriverOptions {
  readonly driver: ComputeDriver;
  /** Where to create a Unix socket (0600, in a folder of 0700). */
  readonly socketPath: string;
  /** Calls without it are refused. Undefined: only the socket's mode protects the driver. */
  readonly token?: string | undefined;
  readonly log: Logger;
}

export interface ServedDriver {
  /** Ends calls at once; sandboxes keep running. */
  close(): Promise<void>;
}

/** Several times a spec whose environment and driver_config are at their limits. */
const REQUEST_BYTES = 4 * 1024 * 1024;

/** Serves a driver as openshell.compute.v1.ComputeDriver, and access to its sandboxes if it has any. */
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
    throw new OpenShellError(Code.UNAUTHENTICATED, 'this driver only serves the gateway that started it');
  };
}

function same(received: string, token: string): boolean {
  const [a, b] = [Buffer.from(received), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
