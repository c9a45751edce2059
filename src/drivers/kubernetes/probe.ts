import type { ProbeResult } from '../../compute/entry.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { tolerate } from './api-errors.js';
import { describePermission, missingPermissions, neededPermissions, UNSUPPORTED_API } from './permissions.js';
import { connect, type Rest } from './rest.js';
import type { KubernetesSettings } from './settings.js';

interface Version {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
}

/** The first version that can close the standard input of a command. */
const STDIN_CLOSE_SINCE = { major: 1, minor: 30 };

/** Whether the configured cluster answers and grants the gateway everything that the driver needs. */
export async function probeCluster(settings: KubernetesSettings, signal: AbortSignal): Promise<ProbeResult> {
  const from =
    settings.kubeconfig === '' ? 'in-cluster service account' : `kubeconfig '${settings.kubeconfig}'`;
  let rest: Rest | undefined;
  try {
    rest = connect(settings);
    const version = await serverVersion(rest, signal);
    const absent = await missingSandboxApi(rest, settings, signal);
    if (absent !== undefined) {
      return { state: 'unavailable', reason: absent, tried: [`${from}: ${absent}`] };
    }
    const missing = await missingPermissions(rest, neededPermissions(settings), signal);
    if (missing.length > 0) {
      return {
        state: 'unavailable',
        reason: `the gateway's account may not ${describePermission(missing[0] as (typeof missing)[0])}${
          missing.length > 1 ? ` (and lacks ${missing.length - 1} more permissions)` : ''
        }: apply the Role in deploy/kubernetes or the Helm chart`,
        tried: missing.map((permission) => `${describePermission(permission)}: not allowed`),
      };
    }
    return {
      state: 'ready',
      endpoint: rest.server.origin,
      engineVersion: version.gitVersion.replace(/^v/, ''),
      warnings: warningsOf(version),
    };
  } catch (error) {
    const known = OpenShellError.from(error);
    const reason = signal.aborted
      ? `the API server ${rest?.server.origin ?? ''} did not answer in time`
      : known.text;
    return { state: 'unavailable', reason, tried: [`${from}: ${known.message}`] };
  } finally {
    rest?.close();
  }
}

/** Why the configured sandbox_api is not available, if so. */
async function missingSandboxApi(
  rest: Rest,
  { sandbox_api: api }: KubernetesSettings,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (api === 'pod') {
    return undefined;
  }
  if (api === 'agents.x-k8s.io/v1beta1') {
    return UNSUPPORTED_API;
  }
  const call = rest.json<object>({ path: `/apis/${api}`, what: `describe ${api}`, signal });
  return (await tolerate(call, Code.NOT_FOUND)) === undefined
    ? `the cluster has no '${api}': install the agent-sandbox controller, or set sandbox_api to 'pod'`
    : undefined;
}

export function serverVersion(rest: Rest, signal: AbortSignal): Promise<Version> {
  return rest.json<Version>({ path: '/version', what: 'report its version', signal });
}

function warningsOf({ major, minor, gitVersion }: Version): string[] {
  const number = { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10) };
  const old =
    number.major < STDIN_CLOSE_SINCE.major ||
    (number.major === STDIN_CLOSE_SINCE.major && number.minor < STDIN_CLOSE_SINCE.minor);
  return old
    ? [`Kubernetes ${gitVersion} cannot close the standard input of a command; 1.30 and newer can`]
    : [];
}
