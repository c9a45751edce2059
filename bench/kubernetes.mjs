// node bench/kubernetes.mjs [--rounds 15] [--scale 1000]: the Kubernetes driver against the same calls made bare with the
// client library, on the cluster of test/engines/kubernetes. --scale needs `test/engines/kubernetes/kwok` and its nodes.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CoreV1Api, Exec, KubeConfig, Watch } from '@kubernetes/client-node';
import { observedState } from '../dist/compute/conditions.js';
import entry from '../dist/drivers/kubernetes/entry.js';
import { createNames } from '../dist/drivers/kubernetes/names.js';
import { planSandbox } from '../dist/drivers/kubernetes/pod.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    scale: { type: 'string', default: '0' },
    /** One side of the scale run, in a process of its own. */
    side: { type: 'string' },
  },
});

const NAMESPACE = 'openshell-bench';
const kubeconfig =
  process.env.OPENSHELL_TEST_KUBECONFIG ??
  `${process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test'}/kubernetes/pki/admin.conf`;
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
const core = config.makeApiClient(CoreV1Api);
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const signal = new AbortController().signal;

function settings(given = {}) {
  return {
    ...Object.fromEntries(Object.entries(entry.settings).map(([key, one]) => [key, one.default])),
    kubeconfig,
    namespace: NAMESPACE,
    workspace_storage_class: 'openshell-test',
    image_pull_policy: 'Never',
    ...given,
  };
}

async function openDriver(given) {
  const gatewayId = randomUUID();
  const { createDriver } = await entry.load();
  const driver = await createDriver({
    gatewayId,
    secret: 'ab'.repeat(32),
    version: '0',
    sandboxNamespace: 'default',
    stateDir: '',
    settings: settings(given),
    env: {},
    endpoint: '',
    log: silent,
  });
  return { driver, gatewayId };
}

function sandbox(driverConfig = {}) {
  const id = randomUUID();
  return {
    id,
    name: `b-${id.slice(0, 12)}`,
    workspace: 'default',
    namespace: 'default',
    spec: {
      logLevel: '',
      environment: {},
      gpu: undefined,
      command: [],
      tty: false,
      template: {
        image: 'openshell.test/shell:1',
        labels: {},
        environment: {},
        resources: { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' },
        platformConfig: {},
        driverConfig,
      },
    },
  };
}

/** What the driver would make of this sandbox, for the bare side. */
function planOf(box, given) {
  const names = createNames({ gatewayId: 'bare', mode: 'shared', namespace: NAMESPACE });
  return planSandbox(box, names.placeOf(box), { gatewayId: 'bare', version: '0' }, settings(given));
}

function quantile(times, q) {
  return [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * q)];
}

function show(what, ours, bare) {
  const line = [0.5, 0.95].map((q) => {
    const [a, b] = [quantile(ours, q), quantile(bare, q)];
    return `p${q * 100} ${a.toFixed(1)} ms, bare ${b.toFixed(1)} ms, ${(a / b).toFixed(3)}x`;
  });
  console.log(`${what}: ${line.join('; ')}`);
}

/** Calls back with the name of each Pod that runs. The client's watch ends now and then: it is opened again. */
async function watchBare(selector, running) {
  const names = new Set();
  const watch = new Watch(config);
  let request;
  let stopped = false;
  async function open() {
    request = await watch.watch(
      `/api/v1/namespaces/${NAMESPACE}/pods`,
      { labelSelector: selector },
      (_type, pod) => {
        const state = pod.status?.containerStatuses?.[0]?.state;
        if (state?.running === undefined || names.has(pod.metadata.name)) {
          return;
        }
        names.add(pod.metadata.name);
        running(pod.metadata.name);
      },
      (error) => {
        if (!stopped) {
          console.error(`the bare watch ended: ${error?.message ?? 'without an error'}`);
          setTimeout(open, 100);
        }
      },
    );
  }

  await open();
  return () => {
    stopped = true;
    request.abort();
  };
}

function watchOurs(driver, running) {
  const stop = new AbortController();
  const seen = new Set();
  const ended = (async () => {
    for await (const event of driver.watch({ signal: stop.signal })) {
      if (event.type !== 'sandbox' || seen.has(event.sandbox.id)) {
        continue;
      }
      if (observedState(event.sandbox.status).kind !== 'running') {
        continue;
      }
      seen.add(event.sandbox.id);
      running(event.sandbox.id);
    }
  })();
  return async () => {
    stop.abort();
    await ended;
  };
}

function waiter() {
  const waiting = new Map();
  return {
    done: (name) => waiting.get(name)?.(),
    until: (name) =>
      new Promise((resolve) => {
        waiting.set(name, resolve);
      }),
  };
}

/** The kubelet looks once a second: what begins at one point of it would be measured by it. */
function anyPhase() {
  return new Promise((resolve) => setTimeout(resolve, 1000 + Math.random() * 1000));
}

async function createToReady(rounds) {
  const { driver } = await openDriver();
  const waits = waiter();
  const stops = [watchOurs(driver, waits.done), await watchBare('openshell.ai/gateway-id=bare', waits.done)];
  const times = { ours: [], bare: [] };
  for (let i = 0; i < rounds; i++) {
    await anyPhase();
    const ours = sandbox();
    let begun = performance.now();
    let ready = waits.until(ours.id);
    await driver.create(ours, { signal });
    await ready;
    times.ours.push(performance.now() - begun);
    await driver.delete(ours, { signal });

    await anyPhase();
    const box = sandbox();
    const { pod, place, workspace } = planOf(box);
    begun = performance.now();
    ready = waits.until(place.name);
    await core.createNamespacedPersistentVolumeClaim({
      namespace: NAMESPACE,
      body: {
        metadata: { name: place.name },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: workspace.storageClass,
          resources: { requests: { storage: workspace.size } },
        },
      },
    });
    await core.createNamespacedPod({ namespace: NAMESPACE, body: pod });
    await ready;
    times.bare.push(performance.now() - begun);
    await core.deleteNamespacedPod({ namespace: NAMESPACE, name: place.name, gracePeriodSeconds: 1 });
    await core.deleteNamespacedPersistentVolumeClaim({ namespace: NAMESPACE, name: place.name });
  }
  for (const stop of stops) {
    await stop();
  }
  await driver.close();
  show('create to READY', times.ours, times.bare);
}

async function execEcho(rounds) {
  const { driver } = await openDriver();
  const waits = waiter();
  const stop = watchOurs(driver, waits.done);
  const box = sandbox();
  const ready = waits.until(box.id);
  await driver.create(box, { signal });
  await ready;
  const pod = `${box.workspace}--${box.name}`;
  const spec = {
    command: ['echo', 'hello'],
    workdir: '',
    environment: {},
    tty: false,
    size: undefined,
    timeoutMs: 0,
    stdin: false,
  };
  async function ours() {
    const session = await driver.access.exec(box, spec, { signal });
    for await (const _chunk of session.output) {
    }
    return session.exitCode;
  }

  function bare() {
    return new Promise((resolve, reject) => {
      const out = new PassThrough().resume();
      new Exec(config)
        .exec(NAMESPACE, pod, 'agent', spec.command, out, out, null, false, resolve)
        .catch(reject);
    });
  }

  const times = { ours: [], bare: [] };
  for (let i = 0; i < rounds; i++) {
    for (const [name, run] of [
      ['ours', ours],
      ['bare', bare],
    ]) {
      const begun = performance.now();
      await run();
      times[name].push(performance.now() - begun);
    }
  }
  await driver.delete(box, { signal });
  await stop();
  await driver.close();
  show('exec of echo', times.ours, times.bare);
}

const ON_KWOK = {
  pod: {
    node_selector: { type: 'kwok' },
    tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }],
  },
};
const WITHOUT_VOLUME = {
  workspace_default_storage_size: '0',
  api_qps: 1000,
  api_burst: 1000,
  allowed_node_selectors: ['type=kwok'],
  allowed_tolerations: ['kwok.x-k8s.io/node'],
};
const AT_ONCE = 50;
const EVENTS = 500;

async function inParallel(count, work) {
  let next = 0;
  async function lane() {
    while (next < count) {
      await work(next++);
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** Makes `count` sandboxes on fake nodes, and then so many changes to one of them. Prints one JSON line. */
async function scaleSide(side, count) {
  let running = 0;
  let allRunning;
  const all = new Promise((resolve) => {
    allRunning = resolve;
  });
  function count1() {
    running += 1;
    if (running === count) {
      allRunning();
    }
  }

  const begun = performance.now();
  const cpu = process.cpuUsage();
  let gatewayId = 'bare';
  let stop;
  if (side === 'ours') {
    const opened = await openDriver(WITHOUT_VOLUME);
    gatewayId = opened.gatewayId;
    stop = watchOurs(opened.driver, count1);
    await inParallel(count, () => opened.driver.create(sandbox(ON_KWOK), { signal }));
  } else {
    stop = await watchBare('openshell.ai/gateway-id=bare', count1);
    await inParallel(count, () =>
      core.createNamespacedPod({ namespace: NAMESPACE, body: planOf(sandbox(ON_KWOK), WITHOUT_VOLUME).pod }),
    );
  }
  await all;
  const readyMs = performance.now() - begun;
  const used = process.cpuUsage(cpu);
  const rssMiB = process.memoryUsage().rss / 2 ** 20;
  process.send({ readyMs, cpuMs: (used.user + used.system) / 1000, rssMiB, gatewayId });
  const before = await new Promise((resolve) => {
    process.once('message', () => resolve(process.cpuUsage()));
  });
  await new Promise((resolve) => {
    process.once('message', resolve);
  });
  const after = process.cpuUsage(before);
  process.send({ eventMs: (after.user + after.system) / 1000 / EVENTS });
  await stop();
  process.exit(0);
}

async function scale(count) {
  const results = {};
  for (const side of ['bare', 'ours']) {
    const child = fork(fileURLToPath(import.meta.url), ['--side', side, '--scale', String(count)]);
    function message() {
      return new Promise((resolve, reject) => {
        child.once('message', resolve);
        child.once('exit', reject);
      });
    }

    const made = await message();
    const selector = `openshell.ai/gateway-id=${made.gatewayId}`;
    const [pod] = (await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector: selector, limit: 1 }))
      .items;
    child.send('begin');
    for (let i = 0; i < EVENTS; i++) {
      pod.metadata.annotations = { ...pod.metadata.annotations, 'bench/turn': String(i) };
      delete pod.metadata.resourceVersion;
      await core.replaceNamespacedPod({ namespace: NAMESPACE, name: pod.metadata.name, body: pod });
    }
    const last = message();
    child.send('end');
    results[side] = { ...made, ...(await last) };
    await core.deleteCollectionNamespacedPod({
      namespace: NAMESPACE,
      labelSelector: selector,
      gracePeriodSeconds: 0,
    });
    for (;;) {
      const left = await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector: selector, limit: 1 });
      if (left.items.length === 0) {
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const { ours, bare } = results;
  function pair(what, key, unit, digits = 0) {
    return console.log(
      `${what}: ${ours[key].toFixed(digits)} ${unit}, bare ${bare[key].toFixed(digits)} ${unit}`,
    );
  }

  console.log(`${count} sandboxes on fake nodes, ${AT_ONCE} creates at once`);
  pair('  time to all READY', 'readyMs', 'ms');
  pair('  CPU until then', 'cpuMs', 'ms');
  pair('  RSS then', 'rssMiB', 'MiB');
  pair('  CPU of one more event', 'eventMs', 'ms', 3);
}

await core.createNamespace({ body: { metadata: { name: NAMESPACE } } }).catch((error) => {
  if (error.code !== 409) {
    throw error;
  }
});
if (options.side !== undefined) {
  await scaleSide(options.side, Number(options.scale));
} else {
  const rounds = Number(options.rounds);
  if (rounds > 0) {
    await createToReady(rounds);
    await execEcho(rounds * 2);
  }
  if (Number(options.scale) > 0) {
    await scale(Number(options.scale));
  }
}
process.exit(0);
