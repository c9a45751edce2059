/**
 * What telling a request's generation costs, before anything is decoded: p50 a request, against the 5 us it may cost.
 * With OPENSHELL_BENCH_BEFORE=DIST, a build of an earlier commit below the repository, also Health, GetSandbox and ListSandboxes against
 * that build, alternated; the gateways run on a driver in memory. Some 15 s.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { tempFolder } from './lib/gateway.mjs';
import { startMemoryGateway } from './lib/memory.mjs';
import { createRawClient } from './lib/raw-client.mjs';
import { report } from './lib/report.mjs';
import { alternate, median, timed } from './lib/samples.mjs';

const BUDGET_US = 5;
const BATCH = 200;
const BATCHES = 500;
const WARM_UP = 1_000;
const ROUNDS = 3_000;
const SANDBOXES = 10;
const NOTHING = Buffer.alloc(0);

const dist = buildFlavor('docker');
function module(path) {
  return import(pathToFileURL(join(dist, path)).href);
}

const { generationDetector } = await module('wire/generation.js');
const { methods: v00 } = await module('wire/v00/index.js');
const { methods: v01 } = await module('wire/v01/index.js');

const workspaceScope = { selection: { case: 'workspace', value: 'default' } };
const environment = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`NAME_${i}`, `value-${i}`]));
const stdin = new Uint8Array(64 * 1024);
/** The last two carry no mark: every field is looked at. */
const requests = [
  ['GetSandbox of 0.0', v00.getSandbox, { name: 's-5', workspace: 'default' }],
  ['GetSandbox of 0.1', v01.getSandbox, { name: 's-5', workspaceScope }],
  ['ListSandboxes of 0.1', v01.listSandboxes, { pageSize: 100, workspaceScope }],
  ['CreateSandbox of 0.1', v01.createSandbox, { name: 'a', spec: { environment }, workspaceScope }],
  ['CreateSandbox, 100 labels, no mark', v00.createSandbox, { name: 'a', labels: environment }],
  ['ExecSandbox, 64 KiB and 100 variables, no mark', v00.execSandbox, { sandboxId: 'i', stdin, environment }],
];

function tellingUs([what, method, message]) {
  const tell = generationDetector(method.name);
  const bytes = method.encodeRequest(message);
  const batches = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const startedAt = performance.now();
    for (let i = 0; i < BATCH; i++) {
      tell(bytes);
    }
    batches.push(((performance.now() - startedAt) * 1000) / BATCH);
  }
  return { what, ours: median(batches), base: BUDGET_US, unit: 'us', most: 1 };
}

report({
  name: 'generations',
  about: `telling one request, p50 of ${BATCHES} batches`,
  base: 'may cost',
  rows: requests.map(tellingUs),
});

async function compared(before) {
  return withCleanup(async (later) => {
    const folder = tempFolder();
    later(folder.remove);
    async function start(name, from) {
      mkdirSync(join(folder.path, name));
      const gateway = await startMemoryGateway({
        dist: from,
        folder: join(folder.path, name),
        count: SANDBOXES,
      });
      later(gateway.stop);
      const client = createRawClient(gateway.address);
      later(client.close);
      return (path, request) => () => timed(() => client.unary(path, request));
    }

    const calls = { before: await start('before', before), now: await start('now', dist) };
    const cases = {
      Health: [v00.health.path, NOTHING],
      GetSandbox: [v00.getSandbox.path, v00.getSandbox.encodeRequest({ name: 's-5', workspace: 'default' })],
      [`ListSandboxes of ${SANDBOXES}`]: [v00.listSandboxes.path, NOTHING],
    };
    const works = Object.fromEntries(
      Object.entries(cases).flatMap(([what, [path, request]]) =>
        Object.entries(calls).map(([side, call]) => [`${what} ${side}`, call(path, request)]),
      ),
    );
    await alternate(WARM_UP, works);
    const samples = await alternate(ROUNDS, works);
    report({
      name: 'generations, calls',
      about: `one call at a time, p50 of ${ROUNDS}`,
      base: 'before',
      rows: Object.keys(cases).map((what) => ({
        what,
        ours: median(samples[`${what} now`]),
        base: median(samples[`${what} before`]),
        unit: 'ms',
        most: 1.05,
      })),
    });
  });
}

const { OPENSHELL_BENCH_BEFORE: before } = process.env;
if (before !== undefined) {
  await compared(before);
}
