import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import Docker from 'dockerode';
import { startProcess } from './gateway.mjs';
import { plainSandbox } from './plain-sandbox.mjs';

const SOCKET = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');
const OWNER_LABEL = 'openshell.ai/gateway-id';
const RELAY = fileURLToPath(new URL('relay.mjs', import.meta.url));

/** A plain dockerode client, as its documentation makes one. */
export function openDocker() {
  return new Docker({ socketPath: SOCKET, host: '' });
}

/** Removes every container that carries the owner's label. */
export async function removeOwned(docker, owner) {
  const filters = { label: [`${OWNER_LABEL}=${owner}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch((error) => {
        if (error.statusCode !== 404 && error.statusCode !== 409) {
          throw error;
        }
      });
  }
}

/** Runs to the end; `onData` is told of each piece as it comes. */
async function run(container, command, onData) {
  const exec = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: false });
  for await (const piece of stream) {
    onData(piece);
  }
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) {
    throw new Error(`exec ended with ${ExitCode}`);
  }
}

/**
 * The bare side of the Docker bench: the least that gives what the driver gives, with nothing around it: the same
 * container (the driver's own plan), started, whose workspace folder the engine makes and leaves to root; the same exec
 * with its output and exit code; the same removal.
 */
export async function openBareDocker({ dist, owner, image }) {
  const docker = openDocker();
  function load(path) {
    return import(pathToFileURL(join(dist, path)).href);
  }

  const { planSandbox } = await load('drivers/docker/container-spec.js');
  const { dockerSettings } = await load('drivers/docker/settings.js');
  const { hostSize } = await load('drivers/docker/host.js');
  const { engineCeilings } = await load('drivers/container/limits.js');
  const settings = Object.fromEntries(Object.entries(dockerSettings).map(([key, of]) => [key, of.default]));
  const ceilings = engineCeilings(settings, hostSize(await docker.info()), 'bench');

  function plan(name) {
    return planSandbox(plainSandbox(owner, name, image), {
      owner: { gatewayId: owner, version: 'bench' },
      settings,
      ceilings,
      diskBytes: undefined,
    });
  }

  return {
    async create(name) {
      const container = await docker.createContainer(plan(name).container);
      await container.start();
      return container;
    },
    exec: run,
    /** The same exec with one process between, which passes bytes on and looks at none of them. */
    async openRelay() {
      const relay = await startProcess(RELAY, [SOCKET], { ready: /"address":"127.0.0.1:([0-9]+)"/ });
      const far = new Docker({ host: '127.0.0.1', port: relay.found, protocol: 'http' });
      return {
        exec: ({ id }, command, onData) => run(far.getContainer(id), command, onData),
        stop: relay.stop,
      };
    },
    remove: (container) => container.remove({ force: true, v: true }),
    removeOwned: (one) => removeOwned(docker, one),
  };
}
