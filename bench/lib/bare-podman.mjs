import http from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { plainSandbox } from './plain-sandbox.mjs';

const OWNER_LABEL = 'openshell.ai/gateway-id';

/** Where test/engines/podman/up puts the socket of `rootful` and of `rootless`. */
export function podmanSocket(kind) {
  return join(process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test', 'podman', kind, 'podman.sock');
}

function openCalls(socketPath) {
  const agent = new http.Agent({ keepAlive: true });
  function request(method, path, body, more) {
    const data = body === undefined ? undefined : JSON.stringify(body);
    const headers = data && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) };
    const options = { socketPath, agent, method, path: `/v4.3.0/libpod${path}`, ...more };
    return http.request({ ...options, headers: { ...headers, ...more?.headers } }).end(data);
  }

  return {
    call: (method, path, body) =>
      new Promise((resolve, reject) => {
        const made = request(method, path, body);
        made.on('error', reject);
        made.on('response', async (reply) => {
          let text = '';
          for await (const chunk of reply) {
            text += chunk;
          }
          if (reply.statusCode >= 400) {
            reject(new Error(`${method} ${path}: ${text}`));
          } else {
            resolve(text === '' ? undefined : JSON.parse(text));
          }
        });
      }),
    upgrade: (path, body) =>
      new Promise((resolve, reject) => {
        const headers = { connection: 'Upgrade', upgrade: 'tcp' };
        const made = request('POST', path, body, { agent: false, headers });
        made.on('error', reject);
        made.on('upgrade', (_reply, socket, head) => {
          if (head.length > 0) {
            socket.unshift(head);
          }
          resolve(socket);
        });
      }),
  };
}

/**
 * The bare side of the Podman bench: the least that gives what the driver gives, with nothing around it: the same
 * network and the same container (the driver's own plan), started, whose workspace folder the engine makes; the same
 * exec with its output and exit code; the same removal.
 */
export async function openBarePodman({ dist, owner, image, socketPath }) {
  function load(path) {
    return import(pathToFileURL(join(dist, 'drivers', path)).href);
  }

  const { planSandbox } = await load('podman/container-spec.js');
  const { podmanSettings } = await load('podman/settings.js');
  const { readHost } = await load('podman/host.js');
  const { usernsChoice } = await load('podman/userns.js');
  const { engineCeilings } = await load('container/limits.js');
  const { call, upgrade } = openCalls(socketPath);
  const settings = Object.fromEntries(Object.entries(podmanSettings).map(([key, of]) => [key, of.default]));
  const host = readHost(await call('GET', '/info'));
  const dependencies = {
    owner: { gatewayId: owner, version: 'bench' },
    settings,
    userns: usernsChoice({ ...settings, env: {} }),
    host,
    ceilings: engineCeilings(settings, host.size, 'bench'),
    diskBytes: undefined,
  };
  function removeContainer(id) {
    return call('DELETE', `/containers/${id}?force=true&v=true&timeout=0`);
  }

  function removeNetwork(name) {
    return call('DELETE', `/networks/${name}`);
  }

  function owned(path, one) {
    const filters = JSON.stringify({ label: [`${OWNER_LABEL}=${one}`] });
    return call('GET', `${path}filters=${encodeURIComponent(filters)}`);
  }

  return {
    async create(name) {
      const { container, network, labels } = planSandbox(plainSandbox(owner, name, image), dependencies);
      if (network !== undefined) {
        const options = { isolate: 'true' };
        const asked = { name: network, driver: 'bridge', dns_enabled: false, options, labels };
        await call('POST', '/networks/create', asked);
      }
      const { Id: id } = await call('POST', '/containers/create', container);
      await call('POST', `/containers/${id}/start`);
      return { id, network };
    },
    /** Runs to the end; `onData` is told of each piece as it comes. */
    async exec({ id }, command, onData) {
      const asked = { Cmd: command, AttachStdout: true, AttachStderr: true };
      const { Id: execId } = await call('POST', `/containers/${id}/exec`, asked);
      const socket = await upgrade(`/exec/${execId}/start`, { Detach: false, Tty: false });
      for await (const piece of socket) {
        onData(piece);
      }
      const { ExitCode } = await call('GET', `/exec/${execId}/json`);
      if (ExitCode !== 0) {
        throw new Error(`exec ended with ${ExitCode}`);
      }
    },
    async remove({ id, network }) {
      await removeContainer(id);
      if (network !== undefined) {
        await removeNetwork(network);
      }
    },
    async removeOwned(one) {
      for (const { Id } of await owned('/containers/json?all=true&', one)) {
        await removeContainer(Id);
      }
      for (const { name } of (await owned('/networks/json?', one)) ?? []) {
        await removeNetwork(name);
      }
    },
  };
}
