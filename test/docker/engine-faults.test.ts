import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { DriverEntry } from '../../dist/compute/entry.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createHostAccess } from '../../dist/drivers/container/host-access.js';
import { engineCeilings } from '../../dist/drivers/container/limits.js';
import { createDockerClient } from '../../dist/drivers/docker/api/client.js';
import { createDockerDriver } from '../../dist/drivers/docker/driver.js';
import docker from '../../dist/drivers/docker/entry.js';
import { dockerSettings } from '../../dist/drivers/docker/settings.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { dockerBed } from '../conformance/docker-bed.js';
import { tableOf } from '../support/driver-context.js';
import { FAULTS, type Fault } from '../support/faults.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { soak } from '../support/soak.js';
import { eventually } from '../support/wait.js';
import { onDocker } from './real-engine.js';

const ENGINE = /^unix:\/\/(.+)$/.exec(process.env.DOCKER_HOST ?? '')?.[1] ?? '/var/run/docker.sock';
/** Longer than a busy engine takes, or nothing would ever get through. */
const CALL_MS = 4_000;
const OPERATIONS = ['create', 'stop', 'start', 'delete'] as const;
type Operation = (typeof OPERATIONS)[number];

/** The list that a reconcile asks for. */
const LIST_OF_ALL = 'GET /containers/json';

/** A call to the engine as it comes again in another run: without ids. */
function kindOf({ method, url = '' }: http.IncomingMessage): string {
  const path = url.replace(/\?.*/, '').replace(/^\/v[\d.]+/, '');
  const ofOne = decodeURIComponent(url).includes('/sandbox-id=') ? ' of one' : '';
  return `${method} ${path.replaceAll(/[0-9a-f]{64}|openshell-default-[\w.-]+/g, ':id')}${ofOne}`;
}

/** A socket before the engine's that does a fault to one call. */
async function createProxy(path: string) {
  const calls: string[] = [];
  const agent = new http.Agent();
  let armed: { readonly call: string; skip: number; readonly fault: Fault } | undefined;
  const server = http.createServer((request, response) => {
    const call = kindOf(request);
    calls.push(call);
    const due = armed?.call === call && armed.skip-- === 0 ? armed.fault : undefined;
    if (due !== undefined) {
      armed = undefined;
    }
    if (due === 'hang before') {
      return;
    }
    const forward = () => {
      const far = http.request(
        { agent, socketPath: ENGINE, method: request.method, path: request.url, headers: request.headers },
        (answer) => {
          if (due === 'hang after') {
            return void answer.resume();
          }
          if (due === 'cut') {
            return void response.destroy();
          }
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          response.flushHeaders();
          answer.pipe(response);
        },
      );
      far.on('error', () => response.destroy());
      // What was sent is carried out; a stream that nobody reads any more ends.
      response.on('close', () => call === 'GET /events' && far.destroy());
      request.pipe(far);
    };
    if (due === 'slow') {
      setTimeout(forward, CALL_MS / 4);
    } else {
      forward();
    }
  });
  server.on('upgrade', (request, near, head) => {
    const far = connect(ENGINE, () => {
      const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      far.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
      far.write(head);
      near.pipe(far).pipe(near);
    });
    for (const socket of [near, far]) {
      socket.on('error', () => near.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    calls,
    arm: (call: string, occurrence: number, fault: Fault) => {
      armed = { call, skip: occurrence, fault };
    },
    close: () => {
      server.closeAllConnections();
      agent.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

await onDocker('docker: an engine that hangs, breaks off or is slow', ({ bed }) => {
  const start = async (gatewayId: string, name: string, folder: string) => {
    const proxy = await createProxy(join(folder, `${name}.sock`));
    const dockerClient = createDockerClient(join(folder, `${name}.sock`), CALL_MS);
    const settings = tableOf(dockerSettings, { image_pull_policy: 'never', stop_timeout_secs: 1 });
    const entry: DriverEntry = {
      ...docker,
      probe: async () => ({ state: 'ready', endpoint: '', engineVersion: '' }),
      load: async () => ({
        createDriver: async () =>
          createDockerDriver({
            ...{ client: dockerClient, engineVersion: '', log: silentLogger },
            hostAccess: createHostAccess({ allowed: true, env: process.env, log: silentLogger }),
            dependencies: {
              owner: { gatewayId, version: '0' },
              settings,
              ceilings: engineCeilings(settings, { cpus: 16, memoryBytes: 64 * 1024 ** 3 }, 'docker'),
              diskBytes: undefined,
            },
          }),
      }),
    };
    const reconciles = () => proxy.calls.filter((call) => call === LIST_OF_ALL).length;
    const gateway = await startTestGateway(join(folder, name), [entry], {
      gatewayId,
      defaultImage: bed.images.shell,
      lifecycle: {
        reconcileEveryMs: 1_000,
        deadlines: {
          stop: CALL_MS * 2,
          start: CALL_MS * 2,
          delete: CALL_MS * 2,
          undo: CALL_MS * 2,
          query: CALL_MS,
        },
      },
    });
    const { client } = gateway;
    const get = async () => (await client.unary(api.getSandbox, { name: 'box' })).sandbox;
    const inPhase = (phase: SandboxPhase) =>
      eventually(
        `in ${SandboxPhase[phase]}`,
        async () => {
          const now = (await get())?.status;
          assert.notEqual(now?.phase, SandboxPhase.ERROR, now?.conditions[0]?.message);
          return now?.phase === phase;
        },
        60_000,
      );
    const ends: Record<Operation, () => Promise<unknown>> = {
      create: () => inPhase(SandboxPhase.READY),
      stop: () => inPhase(SandboxPhase.STOPPED),
      start: () => inPhase(SandboxPhase.READY),
      delete: () =>
        eventually(
          'gone',
          () =>
            get().then(
              () => false,
              (error) => error.code === status.NOT_FOUND,
            ),
          60_000,
        ),
    };
    const method = {
      create: api.createSandbox,
      stop: api.stopSandbox,
      start: api.startSandbox,
      delete: api.deleteSandbox,
    };
    const perform = async (operation: Operation) => {
      await client.unary(method[operation] as typeof api.createSandbox, { name: 'box' }).catch((error) => {
        // The caller is told that the engine does not answer; a create that was not stored is asked for again.
        assert.ok([status.UNAVAILABLE, status.DEADLINE_EXCEEDED].includes(error.code), error.details);
        if (operation === 'create') {
          return eventually('the create is taken', () =>
            client.unary(api.createSandbox, { name: 'box' }).then(
              () => true,
              (again) => again.code === status.ALREADY_EXISTS,
            ),
          );
        }
        return undefined;
      });
      await ends[operation]();
    };
    const twoReconciles = async () => {
      const before = reconciles();
      await eventually('two reconciles', () => reconciles() >= before + 3, 30_000);
    };
    return { proxy, perform, twoReconciles, close: () => gateway.close().then(proxy.close) };
  };

  const timeout = soak ? 30 * 60_000 : 4 * 60_000;
  test('each operation ends as it was asked for, and nothing is left behind', { timeout }, async () => {
    const folder = tempFolder();
    const gatewayId = randomUUID();
    try {
      const seen: Record<Operation, string[]> = { create: [], stop: [], start: [], delete: [] };
      const dry = await start(gatewayId, 'dry', folder.path);
      for (const operation of OPERATIONS) {
        dry.proxy.calls.length = 0;
        await dry.perform(operation);
        seen[operation] = [...dry.proxy.calls].filter(
          (call) => call !== 'GET /events' && call !== LIST_OF_ALL,
        );
        // At rest a reconcile lists, and looks at nothing.
        dry.proxy.calls.length = 0;
        await dry.twoReconciles();
        assert.ok(!dry.proxy.calls.includes('GET /containers/:id/json'), `after ${operation}`);
      }
      await dry.close();
      const all = OPERATIONS.flatMap((operation) =>
        seen[operation].flatMap((call, index) => {
          const occurrence = seen[operation].slice(0, index).filter((one) => one === call).length;
          return FAULTS.map((fault) => ({ operation, call, occurrence, fault }));
        }),
      );
      // In short: each fault at the one call that changes something.
      const changing = {
        create: /\/start$/,
        stop: /\/stop$/,
        start: /\/start$/,
        delete: /^DELETE \/containers/,
      };
      const cases = soak ? all : all.filter(({ operation, call }) => changing[operation].test(call));
      assert.ok(cases.length >= 16, JSON.stringify(seen));
      const lane = async (name: string) => {
        const gateway = await start(gatewayId, name, folder.path);
        try {
          for (let next = cases.shift(); next !== undefined; next = cases.shift()) {
            for (const operation of OPERATIONS) {
              if (operation === next.operation) {
                gateway.proxy.arm(next.call, next.occurrence, next.fault);
              }
              await gateway.perform(operation).catch((cause) => {
                cases.length = 0;
                throw new Error(`${JSON.stringify(next)} at ${operation}: ${cause.message}`, { cause });
              });
            }
          }
          await gateway.twoReconciles();
        } finally {
          await gateway.close();
        }
      };
      const lanes = await Promise.allSettled([1, 2, 3, 4].map((count) => lane(`lane-${count}`)));
      for (const one of lanes) {
        if (one.status === 'rejected') {
          throw one.reason;
        }
      }
      assert.deepEqual(await bed.objects(gatewayId), []);
    } finally {
      await dockerBed().cleanup(gatewayId);
      await rm(folder.path, { recursive: true, force: true });
    }
  });
});
