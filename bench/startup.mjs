/**
 * From the start of a gateway process to its first answered Health, against a Node that only imports grpc-js; and the
 * default flavor with Docker selected against the docker flavor. Needs Docker; some 30 s.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { end, environment, tempFolder } from './lib/gateway.mjs';
import { report } from './lib/report.mjs';
import { alternate, median, timed } from './lib/samples.mjs';

const ROUNDS = 12;
const TIMEOUT_MS = 30_000;
const ASK_EVERY_MS = 2;
/** What two starts of the same flavor differ by. */
const NOISE = 1.1;
const HEALTH = '/openshell.v1.OpenShell/Health';
/** A gRPC message without content: not compressed, length 0. */
const EMPTY_MESSAGE = Buffer.alloc(5);

const freePort = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
};

/** One Health over plain HTTP/2, which has no back-off as a gRPC channel has. Whether it was answered OK. */
const answersHealth = (port) =>
  new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const finish = (answered) => {
      session.destroy();
      resolve(answered);
    };
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

/** Milliseconds to the first answered Health. */
const gatewayStart = async (dist, folder) => {
  const port = await freePort();
  const file = join(folder, 'gateway.toml');
  writeFileSync(file, '[openshell.gateway]\ncompute_drivers = ["docker"]\n');
  let child;
  try {
    return await timed(async () => {
      child = spawn(process.execPath, [join(dist, 'main.js'), '--config', file, '--port', String(port)], {
        env: environment(folder),
        stdio: 'ignore',
      });
      const until = performance.now() + TIMEOUT_MS;
      while (!(await answersHealth(port))) {
        if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
        if (performance.now() > until) throw new Error('the gateway does not answer');
        await sleep(ASK_EVERY_MS);
      }
    });
  } finally {
    await end(child);
  }
};

/** Milliseconds until a Node without anything of ours has imported grpc-js. */
const importOnly = () =>
  timed(async () => {
    const code = "import '@grpc/grpc-js'; process.stdout.write('imported');";
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
  });

await withCleanup(async (later) => {
  const dist = { docker: buildFlavor('docker'), whole: buildFlavor('default') };
  const folder = tempFolder();
  later(folder.remove);
  const works = {
    bare: importOnly,
    docker: () => gatewayStart(dist.docker, folder.path),
    whole: () => gatewayStart(dist.whole, folder.path),
  };
  await alternate(1, works);
  const samples = await alternate(ROUNDS, works);
  const { bare, docker, whole } = Object.fromEntries(
    Object.entries(samples).map(([name, all]) => [name, median(all)]),
  );
  report({
    name: 'startup',
    about: `process start to the first answered Health, p50 of ${ROUNDS}`,
    base: 'against',
    rows: [
      { what: 'docker flavor, against `node -e` importing grpc-js', ours: docker, base: bare, unit: 'ms' },
      {
        what: 'default flavor with docker selected, against docker flavor',
        ours: whole,
        base: docker,
        unit: 'ms',
        most: NOISE,
      },
    ],
  });
});
