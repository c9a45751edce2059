/**
 * What the gateway adds to a gRPC call: Health, GetSandbox and ListSandboxes against an empty call of a bare grpc-js
 * server in a process of its own, one call at a time, alternated. Needs no engine; some 15 s.
 */
import { fileURLToPath } from 'node:url';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { startProcess, tempFolder } from './lib/gateway.mjs';
import { startMemoryGateway } from './lib/memory.mjs';
import { createRawClient } from './lib/raw-client.mjs';
import { report } from './lib/report.mjs';
import { alternate, median, timed } from './lib/samples.mjs';

const WARM_UP = 1_000;
const ROUNDS = 2_000;
const SANDBOXES = 10;
const EMPTY_SERVER = fileURLToPath(new URL('lib/empty-server.mjs', import.meta.url));
const NOTHING = Buffer.alloc(0);

await withCleanup(async (later) => {
  const folder = tempFolder();
  later(folder.remove);
  const empty = await startProcess(EMPTY_SERVER, [], { ready: /"address":"([^"]+)"/ });
  later(empty.stop);
  const dist = buildFlavor('docker');
  const gateway = await startMemoryGateway({ dist, folder: folder.path, count: SANDBOXES });
  later(gateway.stop);
  const [bare, ours] = [empty.found, gateway.address].map(createRawClient);
  later(bare.close);
  later(ours.close);

  const { methods } = gateway;
  function call(client, path, request) {
    return () => timed(() => client.unary(path, request));
  }

  const works = {
    empty: call(bare, '/bench.Empty/Call', NOTHING),
    health: call(ours, methods.health.path, NOTHING),
    get: call(ours, methods.getSandbox.path, methods.getSandbox.encodeRequest({ name: 's-5' })),
    list: call(ours, methods.listSandboxes.path, NOTHING),
  };
  await alternate(WARM_UP, works);
  const samples = await alternate(ROUNDS, works);
  const base = median(samples.empty);
  function line(what, name, most) {
    return { what, ours: median(samples[name]), base, unit: 'ms', most };
  }

  report({
    name: 'rpc',
    about: `one call at a time, p50 of ${ROUNDS}; the driver is in memory`,
    base: 'empty grpc-js call',
    rows: [
      line('Health', 'health', 1.5),
      line('GetSandbox', 'get', 2),
      line(`ListSandboxes of ${SANDBOXES}`, 'list', 3),
    ],
  });
});
