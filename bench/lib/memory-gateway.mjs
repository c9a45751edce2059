// The gateway as a process of its own, with the driver in memory: node memory-gateway.mjs DIST ARGS...
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createMemoryEntry } from './memory-driver.mjs';

const [dist, ...argv] = process.argv.slice(2);
function load(path) {
  return import(pathToFileURL(join(dist, path)).href);
}

const { run } = await load('gateway/program/run.js');
const { default: sqlite } = await load('parts/store-sqlite/entry.js');
const entry = createMemoryEntry(await load('compute/conditions.js'));
process.exitCode = await run({
  flavor: { name: 'memory', drivers: [entry], stores: [sqlite], telemetry: undefined },
  build: 'bench',
  argv,
  env: process.env,
  connectExternal: undefined,
  buildWarnings: [],
});
