import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { end } from './gateway.mjs';
import { timed } from './samples.mjs';

const TIMEOUT_MS = 30_000;
const ASK_EVERY_MS = 2;
const HEALTH = '/openshell.v1.OpenShell/Health';
/** A gRPC message without content: not compressed, length 0. */
const EMPTY_MESSAGE = Buffer.alloc(5);

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** One Health over plain HTTP/2, which has no back-off as a gRPC channel has. Whether it was answered OK. */
function answersHealth(port) {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`);
    function finish(answered) {
      session.destroy();
      resolve(answered);
    }

    session.on('error', () => finish(false));
    const call = session.request({
      ':method': 'POST',
      ':path': HEALTH,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.on('trailers', (trailers) => finish(trailers['grpc-status'] === '0'));
    call.on('error', () => finish(false));
    call.resume();
    call.end(EMPTY_MESSAGE);
  });
}

/**
 * Milliseconds from the start of `file` to its first answered Health, then `whileUp(child)`, then its end.
 *
 * @param argsFor the arguments, from a free port
 */
export async function firstHealth(file, argsFor, { env = process.env, whileUp = () => {} } = {}) {
  const port = await freePort();
  let child;
  try {
    const ms = await timed(async () => {
      child = spawn(file, argsFor(port), { env, stdio: 'ignore' });
      const until = performance.now() + TIMEOUT_MS;
      while (!(await answersHealth(port))) {
        if (child.exitCode !== null) {
          throw new Error(`${file} ended with ${child.exitCode}`);
        }
        if (performance.now() > until) {
          throw new Error(`${file} does not answer`);
        }
        await sleep(ASK_EVERY_MS);
      }
    });
    await whileUp(child);
    return ms;
  } finally {
    if (child !== undefined) {
      await end(child);
    }
  }
}
