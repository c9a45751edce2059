import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Docker from 'dockerode';
import { plainSandbox } from './plain-sandbox.mjs';

const SOCKET = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');
const OWNER_LABEL = 'openshell.ai/gateway-id';

/** A plain dockerode client, as its documentation makes one. */
export const openDocker = () => new Docker({ socketPath: SOCKET, host: '' });

/** Removes every container that carries the owner's label. */
export const removeOwned = async (docker, owner) => {
  const filters = { label: [`${OWNER_LABEL}=${owner}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch((error) => {
        if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
      });
  }
};

/**
 * The bare side of the Docker bench: the least that gives what the driver gives, with nothing around it: the same container (the driver's own plan),
 * started, whose workspace folder the engine makes and leaves to root; the same exec with its output and exit code; the
 * same removal.
 */
export const openBareDocker = async ({ dist, owner, image }) => {
  const docker = openDocker();
  const load = (path) => import(pathToFileURL(join(dist, path)).href);
  const { planSandbox } = await load('drivers/docker/container-spec.js');
  const { dockerSettings } = await load('drivers/docker/settings.js');
  const settings = Object.fromEntries(Object.entries(dockerSettings).map(([key, of]) => [key, of.default]));

  const plan = (name) =>
    planSandbox(plainSandbox(owner, name, image), {
      owner: { gatewayId: owner, version: 'bench' },
      settings,
    });

  return {
    async create(name) {
      const container = await docker.createContainer(plan(name).container);
      await container.start();
      return container;
    },
    /** Runs to the end; `onData` is told of each piece as it comes. */
    async exec(container, command, onData) {
      const exec = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
      const stream = await exec.start({ hijack: true, stdin: false });
      for await (const piece of stream) onData(piece);
      const { ExitCode } = await exec.inspect();
      if (ExitCode !== 0) throw new Error(`exec ended with ${ExitCode}`);
    },
    remove: (container) => container.remove({ force: true, v: true }),
    removeOwned: (one) => removeOwned(docker, one),
  };
};
