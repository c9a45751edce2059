import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { CallOptions } from '../../../compute/driver.js';
import { Code, OpenShellError } from '../../../compute/errors.js';
import type { ContainerInfo, ImageInfo } from '../../container/engine.js';
import type { ExecState } from '../../container/exec-session.js';
import { jsonLines } from '../../container/json-lines.js';
import { type Call, createTransport } from './transport.js';
import type {
  ContainerSpec,
  ContainerSummary,
  ExecSpecification,
  Filters,
  Info,
  Named,
  PodmanEvent,
  PullReport,
} from './types.js';

const STAT_HEADER = '-container-path-stat';
/** Beyond the grace of a stop: what the engine itself may take. */
const STOP_MARGIN_MS = 30_000;
/** A large image on a slow line. */
const PULL_HEAD_TIMEOUT_MS = 600_000;

/** Podman's own REST API, typed, one method a call. Methods throw as Transport does unless stated otherwise. */
export interface PodmanClient {
  readonly socketPath: string;
  info(options: CallOptions): Promise<Info>;

  /** Undefined when the engine does not have it. */
  inspectImage(reference: string, options: CallOptions): Promise<ImageInfo | undefined>;
  pullImage(reference: string, policy: string, options: CallOptions): AsyncIterable<PullReport>;

  /** The new container's id. */
  createContainer(spec: ContainerSpec, options: CallOptions): Promise<string>;
  startContainer(id: string, options: CallOptions): Promise<void>;
  stopContainer(id: string, graceSeconds: number, options: CallOptions): Promise<void>;
  /** By id or name, by force, with its anonymous volumes. False when there was none. */
  removeContainer(id: string, options: CallOptions): Promise<boolean>;
  inspectContainer(id: string, options: CallOptions): Promise<ContainerInfo | undefined>;
  listContainers(filters: Filters, options: CallOptions): Promise<ContainerSummary[]>;
  logs(
    id: string,
    query: { readonly follow: boolean; readonly tail: number | undefined; readonly sinceSeconds: number },
    options: CallOptions,
  ): Promise<IncomingMessage>;

  /** The mode bits of a path inside a container, running or not; undefined when it is not there. */
  pathMode(id: string, path: string, options: CallOptions): Promise<number | undefined>;
  /** Unpacks a tar archive below `path`; what it makes belongs to the container's user. */
  putArchive(id: string, path: string, tar: Buffer, options: CallOptions): Promise<void>;

  createExec(containerId: string, spec: ExecSpecification, options: CallOptions): Promise<string>;
  startExec(
    id: string,
    start: { readonly tty: boolean; readonly rows: number; readonly cols: number },
    options: CallOptions,
  ): Promise<{ readonly socket: Socket; readonly head: Buffer }>;
  inspectExec(id: string, options: CallOptions): Promise<ExecState>;
  resizeExec(id: string, rows: number, cols: number, options: CallOptions): Promise<void>;

  createVolume(name: string, labels: Record<string, string>, options: CallOptions): Promise<void>;
  /** Undefined when there is none. */
  volumeOptions(name: string, options: CallOptions): Promise<Readonly<Record<string, string>> | undefined>;
  listVolumes(filters: Filters, options: CallOptions): Promise<Named[]>;
  removeVolume(name: string, options: CallOptions): Promise<void>;

  createNetwork(
    name: string,
    bridge: string,
    labels: Record<string, string>,
    options: CallOptions,
  ): Promise<void>;
  listNetworks(filters: Filters, options: CallOptions): Promise<Named[]>;
  removeNetwork(name: string, options: CallOptions): Promise<void>;

  createSecret(name: string, value: string, options: CallOptions): Promise<void>;
  /** Every secret whose name begins with `prefix`. */
  listSecrets(prefix: string, options: CallOptions): Promise<string[]>;
  removeSecret(name: string, options: CallOptions): Promise<void>;

  /** Resolves when the engine has begun to report; from then on no event is missed. */
  events(filters: Filters, options: CallOptions): Promise<AsyncIterable<PodmanEvent>>;
  close(): void;
}

export function createPodmanClient(options: {
  readonly socketPath: string;
  /** From negotiateVersion. */
  readonly apiVersion: string;
}): PodmanClient {
  const transport = createTransport({
    socketPath: options.socketPath,
    prefix: `/v${options.apiVersion}/libpod`,
  });

  async function json<T>(call: Call): Promise<T> {
    const { text } = await transport.send(call);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new OpenShellError(Code.INTERNAL, `Podman answered ${call.path} with something that is no JSON`, {
        cause,
      });
    }
  }

  /** Undefined when the thing that the call is about does not exist. */
  async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof OpenShellError && error.code === Code.NOT_FOUND) {
        return undefined;
      }
      throw error;
    }
  }

  const segment = encodeURIComponent;
  function encoded(filters: Filters) {
    return JSON.stringify(filters);
  }

  return {
    socketPath: options.socketPath,
    info: ({ signal }) => json({ method: 'GET', path: '/info', signal }),

    inspectImage: (reference, { signal }) =>
      ifThere(json({ method: 'GET', path: `/images/${segment(reference)}/json`, signal })),
    async *pullImage(reference, policy, { signal }) {
      const reply = await transport.stream({
        method: 'POST',
        path: '/images/pull',
        query: { reference, policy },
        signal,
        timeoutMs: PULL_HEAD_TIMEOUT_MS,
      });
      yield* jsonLines<PullReport>(reply, 'Podman');
    },

    async createContainer(spec, { signal }) {
      const made = await json<{ Id: string }>({
        method: 'POST',
        path: '/containers/create',
        body: spec,
        signal,
      });
      return made.Id;
    },
    async startContainer(id, { signal }) {
      await transport.send({ method: 'POST', path: `/containers/${id}/start`, signal });
    },
    async stopContainer(id, graceSeconds, { signal }) {
      await transport.send({
        method: 'POST',
        path: `/containers/${id}/stop`,
        query: { timeout: graceSeconds },
        signal,
        timeoutMs: graceSeconds * 1_000 + STOP_MARGIN_MS,
      });
    },
    async removeContainer(id, { signal }) {
      const query = { force: true, v: true, timeout: 0 };
      const call = transport.send({ method: 'DELETE', path: `/containers/${id}`, query, signal });
      return (await ifThere(call)) !== undefined;
    },
    inspectContainer: (id, { signal }) =>
      ifThere(json({ method: 'GET', path: `/containers/${id}/json`, signal })),
    listContainers: (filters, { signal }) =>
      json({
        method: 'GET',
        path: '/containers/json',
        query: { all: true, filters: encoded(filters) },
        signal,
      }),
    logs: (id, { follow, tail, sinceSeconds }, { signal }) =>
      transport.stream({
        method: 'GET',
        path: `/containers/${id}/logs`,
        query: {
          follow,
          stdout: true,
          stderr: true,
          timestamps: true,
          tail,
          since: sinceSeconds === 0 ? undefined : sinceSeconds,
        },
        signal,
      }),

    async pathMode(id, path, { signal }) {
      const reply = await ifThere(
        transport.send({ method: 'HEAD', path: `/containers/${id}/archive`, query: { path }, signal }),
      );
      if (reply === undefined) {
        return undefined;
      }
      // The header is named after the engine that this part of the API was taken from.
      const [, stat] = Object.entries(reply.headers).find(([name]) => name.endsWith(STAT_HEADER)) ?? [];
      const { mode } = JSON.parse(Buffer.from(String(stat ?? ''), 'base64').toString('utf8')) as {
        mode: number;
      };
      return mode & 0o777;
    },
    async putArchive(id, path, tar, { signal }) {
      await transport.send({
        method: 'PUT',
        path: `/containers/${id}/archive`,
        query: { path },
        body: tar,
        signal,
      });
    },

    async createExec(containerId, spec, { signal }) {
      const path = `/containers/${containerId}/exec`;
      const made = await json<{ Id: string }>({ method: 'POST', path, body: spec, signal });
      return made.Id;
    },
    startExec: (id, { tty, rows, cols }, { signal }) =>
      transport.upgrade({
        method: 'POST',
        path: `/exec/${id}/start`,
        body: { Detach: false, Tty: tty, h: rows, w: cols },
        signal,
      }),
    inspectExec: (id, { signal }) => json({ method: 'GET', path: `/exec/${id}/json`, signal }),
    async resizeExec(id, rows, cols, { signal }) {
      await transport.send({
        method: 'POST',
        path: `/exec/${id}/resize`,
        query: { h: rows, w: cols },
        signal,
      });
    },

    async createVolume(name, labels, { signal }) {
      const body = { Name: name, Label: labels };
      await transport.send({ method: 'POST', path: '/volumes/create', body, signal });
    },
    async volumeOptions(name, { signal }) {
      type Volume = { Options: Record<string, string> | null };
      const path = `/volumes/${segment(name)}/json`;
      const volume = await ifThere(json<Volume>({ method: 'GET', path, signal }));
      return volume === undefined ? undefined : (volume.Options ?? {});
    },
    async listVolumes(filters, { signal }) {
      type Volume = { Name: string; Labels: Record<string, string> | null };
      const query = { filters: encoded(filters) };
      const volumes = await json<Volume[]>({ method: 'GET', path: '/volumes/json', query, signal });
      return volumes.map((volume) => ({ name: volume.Name, labels: volume.Labels ?? {} }));
    },
    async removeVolume(name, { signal }) {
      await ifThere(transport.send({ method: 'DELETE', path: `/volumes/${segment(name)}`, signal }));
    },

    async createNetwork(name, bridge, labels, { signal }) {
      const body = {
        name,
        driver: 'bridge',
        network_interface: bridge,
        dns_enabled: false,
        options: { isolate: 'true' },
        labels,
      };
      await transport.send({ method: 'POST', path: '/networks/create', body, signal });
    },
    async listNetworks(filters, { signal }) {
      type Network = { name: string; labels: Record<string, string> | null };
      const query = { filters: encoded(filters) };
      const networks = await json<Network[] | null>({
        method: 'GET',
        path: '/networks/json',
        query,
        signal,
      });
      return (networks ?? []).map((network) => ({ name: network.name, labels: network.labels ?? {} }));
    },
    async removeNetwork(name, { signal }) {
      await ifThere(transport.send({ method: 'DELETE', path: `/networks/${segment(name)}`, signal }));
    },

    async createSecret(name, value, { signal }) {
      await transport.send({
        method: 'POST',
        path: '/secrets/create',
        query: { name },
        body: Buffer.from(value),
        signal,
      });
    },
    async listSecrets(prefix, { signal }) {
      type Secret = { Spec: { Name: string } };
      const query = { filters: encoded({ name: [prefix] }) };
      const secrets = await json<Secret[]>({ method: 'GET', path: '/secrets/json', query, signal });
      return secrets.map((secret) => secret.Spec.Name).filter((name) => name.startsWith(prefix));
    },
    async removeSecret(name, { signal }) {
      await ifThere(transport.send({ method: 'DELETE', path: `/secrets/${segment(name)}`, signal }));
    },

    async events(filters, { signal }) {
      const query = { stream: true, filters: encoded(filters) };
      return jsonLines<PodmanEvent>(
        await transport.stream({ method: 'GET', path: '/events', query, signal }),
        'Podman',
      );
    },
    close: () => transport.close(),
  };
}
