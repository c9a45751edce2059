import { timingSafeEqual } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { chmod } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ComputeDriver } from '../compute/driver.js';
import type { Logger } from '../compute/log.js';
import { rawServiceDefinition } from '../rpc/server/definition.js';
import { accessMethods, driverMethods } from '../wire/compute/index.js';
import { accessHandlers } from './access-server.js';
import { driverHandlers } from './driver-server.js';
import { prepareSocket } from './socket.js';

export interface ServeDriverOptions {
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
const MESSAGE_BYTES = 4 * 1024 * 1024;

/** Serves a driver as openshell.compute.v1.ComputeDriver, and access to its sandboxes beside it. */
export const serveDriver = async (options: ServeDriverOptions): Promise<ServedDriver> => {
  const { driver, socketPath, token, log } = options;
  const server = new Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES });
  const closing = new AbortController();
  // One listener for each call that is under way.
  setMaxListeners(0, closing.signal);
  const allowed = (given: unknown): boolean =>
    token === undefined || (typeof given === 'string' && same(given, token));
  const context = { driver, log, closing: closing.signal, allowed };
  server.addService(rawServiceDefinition(Object.values(driverMethods)), driverHandlers(context));
  if (driver.access !== undefined) {
    server.addService(
      rawServiceDefinition(Object.values(accessMethods)),
      accessHandlers({ ...context, access: driver.access }),
    );
  }
  await prepareSocket(socketPath);
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  } finally {
    process.umask(umask);
  }
  await chmod(socketPath, 0o600);
  return {
    async close() {
      closing.abort();
      server.forceShutdown();
    },
  };
};

const same = (given: string, token: string): boolean => {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
};
