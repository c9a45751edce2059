import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { eventually } from '../support/wait.js';
import { type PodmanKind, podmanApi, podmanSocket } from './podman-api.js';

const SERVICE = join(import.meta.dirname, '../../test/engines/podman/service');

/** A service on a socket of its own, beside the one that all other tests share, on the same containers. */
export interface PodmanService {
  readonly socket: string;
  start(): Promise<void>;
  /** Ends it; the containers live on. */
  end(): Promise<void>;
}

export function podmanService(kind: PodmanKind, name: string): PodmanService {
  const socket = join(dirname(podmanSocket(kind)), `${name}-${process.pid}.sock`);
  let child: ChildProcess | undefined;
  return {
    socket,
    async start() {
      child = spawn(SERVICE, [kind, socket], { stdio: 'ignore' });
      await eventually('the service answers', () =>
        podmanApi(socket, 'GET', '/_ping').then(
          () => true,
          () => false,
        ),
      );
    },
    async end() {
      const running = child;
      child = undefined;
      if (running !== undefined && running.exitCode === null && running.signalCode === null) {
        running.kill();
        await once(running, 'exit');
      }
      await rm(socket, { force: true });
    },
  };
}
