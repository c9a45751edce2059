import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Code, OpenShellError } from '../../compute/errors.js';

/** An API server's address and credentials. */
export interface Cluster {
  readonly server: URL;
  /** Agent and headers for one request. Tokens are read again when they are due, or after `forget`. */
  access(): Promise<Access>;
  /** The API server refused the credentials that `access` returned. */
  forget(): void;
  close(): void;
}

export interface Access {
  readonly agent: http.Agent;
  readonly headers: Readonly<Record<string, string>>;
}

/** Tokens are short-lived and rotate in their files; reading them this often is cheap. */
const ACCESS_KEPT_MS = 20_000;

/** Reads a kubeconfig, or the in-cluster one when `kubeconfig` is empty. FAILED_PRECONDITION when it cannot be read. */
export function loadCluster(options: { kubeconfig: string; context: string }): Cluster {
  const config = new KubeConfig();
  const source =
    options.kubeconfig === '' ? "the Pod's service account" : `kubeconfig '${options.kubeconfig}'`;
  try {
    if (options.kubeconfig === '') {
      config.loadFromCluster();
    } else {
      config.loadFromFile(options.kubeconfig);
    }
  } catch (cause) {
    throw badConfig(`${source} cannot be read`, cause);
  }
  if (options.context !== '') {
    if (config.getContextObject(options.context) === null) {
      throw badConfig(`${source} has no context '${options.context}'`);
    }
    config.setCurrentContext(options.context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw badConfig(`the current context of ${source} has no cluster`);
  }
  return new ClusterAccess(config, new URL(cluster.server), cluster.proxyUrl !== undefined);
}

function badConfig(message: string, cause?: unknown): OpenShellError {
  return new OpenShellError(Code.FAILED_PRECONDITION, message, {
    reason: 'KubeconfigInvalid',
    hint: 'check kubeconfig and context in [openshell.drivers.kubernetes]',
    cause,
  });
}

class ClusterAccess implements Cluster {
  #access: Promise<Access> | undefined;
  #validUntilMs = 0;
  #agent: http.Agent | undefined;
  #agentKey = '';

  constructor(
    private readonly config: KubeConfig,
    readonly server: URL,
    private readonly proxied: boolean,
  ) {}

  access(): Promise<Access> {
    if (this.#access === undefined || performance.now() > this.#validUntilMs) {
      this.#validUntilMs = performance.now() + ACCESS_KEPT_MS;
      this.#access = this.#load();
      this.#access.catch(() => this.forget());
    }
    return this.#access;
  }

  forget(): void {
    this.#access = undefined;
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #load(): Promise<Access> {
    const options: https.RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      headers[name] = String(value);
    }
    if (options.auth) {
      headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    return { agent: this.#agentFor(options), headers };
  }

  /** The same agent while the keys stay the same, so that connections are reused. */
  #agentFor(options: https.RequestOptions): http.Agent {
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const agentKey = createHash('sha256')
      .update(JSON.stringify([ca, cert, key, servername, rejectUnauthorized].map((part) => String(part))))
      .digest('hex');
    if (this.#agent !== undefined && this.#agentKey === agentKey) {
      return this.#agent;
    }
    this.#agentKey = agentKey;
    if (this.proxied) {
      this.#agent = options.agent as http.Agent;
    } else if (this.server.protocol === 'http:') {
      this.#agent = new http.Agent({ keepAlive: true });
    } else {
      const tls = {
        ca,
        cert,
        key,
        ...(servername && { servername }),
        ...(rejectUnauthorized === false && { rejectUnauthorized }),
      };
      this.#agent = new https.Agent({ keepAlive: true, ...tls } as https.AgentOptions);
    }
    return this.#agent;
  }
}
