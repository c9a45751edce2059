/**
 * The Podman driver against the same calls made bare to the same service, alternated in one run. Needs a build and
 * test/engines/podman/up. Takes about a minute a kind.
 *   node bench/podman-driver.mjs [rootful|rootless] [--rounds 20]
 */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger } from '../dist/compute/log.js';
import { IDLE_COMMAND } from '../dist/compute/sandbox.js';
import podman from '../dist/drivers/podman/entry.js';
import { createDriver } from '../dist/drivers/podman/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '20' }, network: { type: 'string', default: '' } },
});
const kind = positionals[0] ?? 'rootful';
const rounds = Number(values.rounds);
const state = process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test';
const socketPath = join(state, 'podman', kind, 'podman.sock');
const image = 'localhost/openshell-test:1';
const MANY = 50;
const MANY_AT_ONCE = 8;
const EXECS = 64;
const EXECS_AT_ONCE = 16;
const OUTPUT_BYTES = 64 * 1024 * 1024;

// --- bare calls ---------------------------------------------------------------------------------------------------
const agent = new http.Agent({ keepAlive: true });
const call = (method, path, body) =>
  new Promise((resolve, reject) => {
    const data = body === undefined ? undefined : JSON.stringify(body);
    const headers = data && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) };
    const request = http.request({ socketPath, agent, method, path: `/v4.3.0/libpod${path}`, headers });
    request.on('error', reject);
    request.on('response', async (reply) => {
      let text = '';
      for await (const chunk of reply) text += chunk;
      if (reply.statusCode >= 400) reject(new Error(`${method} ${path}: ${text}`));
      else resolve(text === '' ? undefined : JSON.parse(text));
    });
    request.end(data);
  });
const upgrade = (path, body) =>
  new Promise((resolve, reject) => {
    const data = JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(data),
      connection: 'Upgrade',
      upgrade: 'tcp',
    };
    const request = http.request({ socketPath, method: 'POST', path: `/v4.3.0/libpod${path}`, headers });
    request.on('error', reject);
    request.on('upgrade', (_reply, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.end(data);
  });

/** The same protections as the driver's, on the engine's usual network. */
const bareCreate = async () => {
  const { Id } = await call('POST', '/containers/create', {
    image,
    command: IDLE_COMMAND,
    labels: { 'openshell.bench': '1' },
    work_dir: '/sandbox',
    create_working_dir: true,
    init: true,
    cap_drop: ['ALL'],
    no_new_privileges: true,
    log_configuration: { driver: 'k8s-file' },
  });
  await call('POST', `/containers/${Id}/start`);
  return Id;
};
const bareExec = async (Id, command) => {
  const exec = await call('POST', `/containers/${Id}/exec`, {
    Cmd: command,
    AttachStdout: true,
    AttachStderr: true,
  });
  const socket = await upgrade(`/exec/${exec.Id}/start`, { Detach: false, Tty: false });
  return {
    socket,
    async end() {
      let bytes = 0;
      for await (const chunk of socket) bytes += chunk.length;
      await call('GET', `/exec/${exec.Id}/json`);
      return bytes;
    },
  };
};

const bare = {
  create: bareCreate,
  async firstOutput(Id) {
    const { socket } = await bareExec(Id, ['echo', 'hi']);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.resume();
  },
  exec: async (Id, command) => (await bareExec(Id, command)).end(),
  remove: (Id) => call('DELETE', `/containers/${Id}?force=true&v=true&timeout=0`),
};

// --- the driver ---------------------------------------------------------------------------------------------------
const defaults = Object.fromEntries(Object.entries(podman.settings).map(([key, s]) => [key, s.default]));
const driver = await createDriver({
  gatewayId: randomUUID(),
  version: '0.0.0-bench',
  sandboxNamespace: 'bench',
  stateDir: '',
  settings: { ...defaults, network_name: values.network },
  env: {},
  endpoint: socketPath,
  log: silentLogger,
});
const waiting = new Map();
const watching = new AbortController();
const watched = (async () => {
  for await (const event of driver.watch({ signal: watching.signal })) {
    if (event.type !== 'sandbox') continue;
    const ready = event.sandbox.status.conditions.some((c) => c.type === 'Ready' && c.status === 'True');
    if (ready) waiting.get(event.sandbox.id)?.();
  }
})();
const sandbox = () => {
  const id = randomUUID();
  const resources = { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' };
  const template = { image, labels: {}, environment: {}, resources, platformConfig: {}, driverConfig: {} };
  const spec = { logLevel: '', environment: {}, template, gpu: undefined, command: [], tty: false };
  return { id, name: `b-${id.slice(0, 8)}`, workspace: 'default', namespace: 'bench', spec };
};
const driverExec = (ref, command) =>
  driver.access.exec(
    ref,
    { command, workdir: '', environment: {}, tty: false, size: undefined, timeoutMs: 0, stdin: false },
    { signal: new AbortController().signal },
  );
const ours = {
  /** Until the watch has said that it runs. */
  async create() {
    const ref = sandbox();
    const ready = new Promise((resolve) => waiting.set(ref.id, resolve));
    await driver.create(ref, { signal: new AbortController().signal });
    await ready;
    waiting.delete(ref.id);
    return ref;
  },
  async firstOutput(ref) {
    const session = await driverExec(ref, ['echo', 'hi']);
    const output = session.output[Symbol.asyncIterator]();
    await output.next();
    // The rest is read beside the clock, as on the other side.
    void (async () => {
      while (!(await output.next()).done);
    })();
  },
  async exec(ref, command) {
    const session = await driverExec(ref, command);
    let bytes = 0;
    for await (const { data } of session.output) bytes += data.length;
    await session.exitCode;
    return bytes;
  },
  remove: (ref) => driver.delete(ref, { signal: new AbortController().signal }),
};

// --- measuring ----------------------------------------------------------------------------------------------------
const timed = async (work) => {
  const began = performance.now();
  const result = await work();
  return [performance.now() - began, result];
};
const p50 = (samples) => samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)];
const report = (what, mine, theirs, unit, allowed) => {
  const ratio = mine / theirs;
  const verdict = (unit === 'ms' ? ratio <= allowed : ratio >= allowed) ? '' : '   MISSED';
  const figures = `driver ${mine.toFixed(1).padStart(8)} ${unit}   bare ${theirs.toFixed(1).padStart(8)} ${unit}`;
  console.log(`${what.padEnd(34)} ${figures}   ${ratio.toFixed(2)}x (bound ${allowed})${verdict}`);
};
const pool = async (count, atOnce, work) => {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
};

const samples = { create: [[], []], firstOutput: [[], []], exec: [[], []], remove: [[], []] };
const sides = [ours, bare];
for (const side of sides) await side.remove(await side.create());
for (let round = 0; round < rounds; round++) {
  // Who goes first changes with the round, so that neither has the warmer engine.
  for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
    const side = sides[i];
    const [createMs, ref] = await timed(() => side.create());
    const [firstMs] = await timed(() => side.firstOutput(ref));
    const [execMs] = await timed(() => side.exec(ref, ['echo', 'hi']));
    const [removeMs] = await timed(() => side.remove(ref));
    samples.create[i].push(createMs);
    samples.firstOutput[i].push(createMs + firstMs);
    samples.exec[i].push(execMs);
    samples.remove[i].push(removeMs);
  }
}
console.log(`Podman ${kind}, Node ${process.versions.node}, ${rounds} rounds, p50`);
const line = (what, key, allowed) => report(what, p50(samples[key][0]), p50(samples[key][1]), 'ms', allowed);
line('create to running', 'create', 1.1);
line('create to first exec output', 'firstOutput', 1.1);
line('exec of echo', 'exec', 1.15);
line('delete to gone', 'remove', 1.1);

// There and back again, so that a load on the machine that comes or goes meets both.
const durations = { many: [0, 0], execs: [0, 0], output: [0, 0] };
const BOTH_WAYS = [0, 1, 1, 0];
for (const i of BOTH_WAYS) {
  const side = sides[i];
  const refs = [];
  const [manyMs] = await timed(() => pool(MANY, MANY_AT_ONCE, async () => refs.push(await side.create())));
  durations.many[i] += manyMs;
  const [execsMs] = await timed(() => pool(EXECS, EXECS_AT_ONCE, () => side.exec(refs[0], ['echo', 'hi'])));
  durations.execs[i] += execsMs;
  await pool(MANY, MANY_AT_ONCE, (n) => side.remove(refs[n]));
}
const refs = [await ours.create(), await bare.create()];
for (const i of [...BOTH_WAYS, ...BOTH_WAYS]) {
  const output = ['head', '-c', String(OUTPUT_BYTES), '/dev/zero'];
  const [outputMs] = await timed(() => sides[i].exec(refs[i], output));
  durations.output[i] += outputMs;
}
for (const i of [0, 1]) await sides[i].remove(refs[i]);
const rates = {
  many: durations.many.map((ms) => (2 * MANY * 1000) / ms),
  execs: durations.execs.map((ms) => (2 * EXECS * 1000) / ms),
  output: durations.output.map((ms) => (4 * OUTPUT_BYTES * 1000) / 1024 / 1024 / ms),
};
report(`${MANY} creates, ${MANY_AT_ONCE} at once`, ...rates.many, '/s', 0.9);
report(`${EXECS} execs, ${EXECS_AT_ONCE} at once`, ...rates.execs, '/s', 0.9);
report('64 MiB of exec output', ...rates.output, 'MiB/s', 0.8);

watching.abort();
await watched;
await driver.close();
agent.destroy();
