import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Docker from 'dockerode';

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
 * The least that gives what the driver gives, with nothing around it: the same container (the driver's own plan),
 * started, whose workspace folder the engine makes and leaves to root; the same exec with its output and exit code; the
 * same removal.
 */
export const openBare = async ({ docker, dist, owner, image }) => {
  const load = (path) => import(pathToFileURL(join(dist, path)).href);
  const { planSandbox } = await load('drivers/docker/container-spec.js');
  const { dockerSettings } = await load('drivers/docker/settings.js');
  const settings = Object.fromEntries(Object.entries(dockerSettings).map(([key, of]) => [key, of.default]));

  const plan = (name) =>
    planSandbox(
      {
        ...{ id: `${owner}-${name}`, name, workspace: 'default', namespace: 'default' },
        spec: {
          ...{ logLevel: '', environment: {}, gpu: undefined, command: [], tty: false },
          template: { image, labels: {}, environment: {}, resources: NO_LIMITS, ...NO_CONFIG },
        },
      },
      { owner: { gatewayId: owner, version: 'bench' }, settings },
    );

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
  };
};

const NO_LIMITS = { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' };
const NO_CONFIG = { platformConfig: {}, driverConfig: {} };
