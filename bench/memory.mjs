/**
 * Resident memory of the gateway process: idle, with 10 sandboxes, after 10,000 execs. The 10,000 run on the driver
 * in memory, as the real engine would take a quarter of an hour; a smaller count runs on Docker. Some 90 s.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openApi } from './lib/api.mjs';
import { openDocker, removeOwned } from './lib/bare-docker.mjs';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { rssMib, startGateway, tempFolder } from './lib/gateway.mjs';
import { startMemoryGateway } from './lib/memory.mjs';
import { report } from './lib/report.mjs';
import { atOnce } from './lib/samples.mjs';

const SANDBOXES = 10;
const WIDTH = 16;
/** How much a heap breathes between two looks. */
const GROWTH = 1.15;
/** The warm-up fills the caches and lets the heap find its size. */
const IN_MEMORY = { warmUp: 4_000, execs: 10_000, most: GROWTH };
/** Too few for that: the figures are for information. */
const ON_DOCKER = { warmUp: 100, execs: 300 };
/** A gateway without work collects its garbage within this time. */
const SETTLE_MS = 3_000;

function ignore() {}

async function settled(pid) {
  await sleep(SETTLE_MS);
  return rssMib(pid);
}

async function figures(where, gateway, { warmUp, execs, most }) {
  const idle = await settled(gateway.pid);
  const ids = await gateway.make();
  const full = await settled(gateway.pid);
  function run(count) {
    return atOnce(count, WIDTH, (i) => gateway.exec(ids[i % SANDBOXES], ['echo', 'hello'], ignore));
  }

  await run(warmUp);
  const before = await settled(gateway.pid);
  await run(execs);
  const after = await settled(gateway.pid);
  return [
    { what: `${where}: idle`, ours: idle, unit: 'MiB' },
    { what: `${where}: with ${SANDBOXES} sandboxes`, ours: full, unit: 'MiB' },
    {
      what: `${where}: after ${warmUp + execs} execs, against after ${warmUp}`,
      ...{ ours: after, base: before, unit: 'MiB', most },
    },
  ];
}

await withCleanup(async (later) => {
  const dist = buildFlavor('docker');
  const rows = [];
  function openFolder() {
    const folder = tempFolder();
    later(folder.remove);
    return folder.path;
  }

  const memory = await startMemoryGateway({ dist, folder: openFolder(), count: 0 });
  later(memory.stop);
  const names = Array.from({ length: SANDBOXES }, (_, i) => `m-${i}`);
  const image = { spec: { template: { image: 'openshell-test:1' } } };
  function maker(api) {
    return () =>
      Promise.all(
        names.map(async (name) => {
          const id = await api.create(name, image);
          await api.ready(id);
          return id;
        }),
      );
  }

  rows.push(...(await figures('in memory', { ...memory, make: maker(memory) }, IN_MEMORY)));

  const gatewayId = randomUUID();
  const docker = openDocker();
  later(() => removeOwned(docker, gatewayId));
  const gateway = await startGateway({
    script: join(dist, 'main.js'),
    folder: openFolder(),
    config: `[openshell.gateway]\ncompute_drivers = ["docker"]\ngateway_id = "${gatewayId}"\n`,
  });
  later(gateway.stop);
  const api = await openApi(dist, gateway.address);
  later(api.close);
  rows.push(...(await figures('Docker', { ...gateway, ...api, make: maker(api) }, ON_DOCKER)));

  report({ name: 'memory', about: `resident memory, execs ${WIDTH} at once`, base: 'before', rows });
});
