import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { deadline } from '../../kit/deadline.js';
import { type PingOutcome, ping } from './api/ping.js';
import { negotiateVersion } from './api/version.js';

/** A live socket answers a ping at once. */
const PING_TIMEOUT_MS = 1_000;

const SYSTEM_SOCKET = '/run/podman/podman.sock';

type Env = Readonly<Record<string, string | undefined>>;

type Discovery =
  | { readonly socketPath: string; readonly apiVersion: string; readonly version: string }
  | { readonly reason: string; readonly tried: readonly string[] };

interface DiscoverOptions {
  /** From `engine_socket`. It, or else OPENSHELL_PODMAN_SOCKET, is the only place that is looked at when set. */
  readonly configured: string | undefined;
  readonly env: Env;
  readonly signal: AbortSignal;
  /** Default: this process's. */
  readonly uid?: number;
  /** Default: this user's. */
  readonly home?: string;
}

/** Finds the first socket on which Podman answers with a version that can be spoken. */
export async function discover(options: DiscoverOptions): Promise<Discovery> {
  const { env, signal } = options;
  const uid = options.uid ?? process.getuid?.() ?? 0;
  const chosen = options.configured || env.OPENSHELL_PODMAN_SOCKET;
  const candidates = chosen ? [socketOf(chosen)] : usualPlaces(env, uid, options.home ?? homedir());
  const tried: string[] = [];
  const outcomes: PingOutcome[] = [];
  for (const socketPath of candidates) {
    const outcome = await ping(socketPath, deadline(PING_TIMEOUT_MS, signal));
    outcomes.push(outcome);
    if (outcome.kind === 'podman') {
      const apiVersion = negotiateVersion(outcome.version);
      if (apiVersion !== undefined) {
        return { socketPath, apiVersion, version: outcome.version };
      }
    }
    tried.push(`${socketPath}: ${describe(outcome)}`);
  }
  return { reason: await reasonOf(candidates, outcomes, options, uid), tried };
}

function socketOf(value: string) {
  return value.replace(/^unix:\/\//, '');
}

function usualPlaces(env: Env, uid: number, home: string): string[] {
  return [
    ...new Set([
      ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'podman/podman.sock')] : []),
      `/run/user/${uid}/podman/podman.sock`,
      SYSTEM_SOCKET,
      join(home, '.local/share/containers/podman/machine/podman.sock'),
    ]),
  ];
}

function describe(outcome: PingOutcome): string {
  switch (outcome.kind) {
    case 'podman':
      return `Podman ${outcome.version} is too old: 4.3 or later is needed`;
    case 'other':
      return `something answers, but it is not Podman (${outcome.detail})`;
    case 'absent':
      return 'no such socket';
    case 'refused':
      return 'nothing listens on it';
    case 'denied':
      return 'permission denied';
    case 'silent':
      return 'no answer within a second';
  }
}

async function reasonOf(
  candidates: readonly string[],
  outcomes: readonly PingOutcome[],
  options: DiscoverOptions,
  uid: number,
): Promise<string> {
  const telling = outcomes.findIndex((outcome) => outcome.kind !== 'absent');
  // Root's service is the system's.
  const usual = candidates.includes(SYSTEM_SOCKET) && uid === 0 ? SYSTEM_SOCKET : candidates[0];
  const at = (telling < 0 ? usual : candidates[telling]) as string;
  const outcome = outcomes[telling];
  if (outcome?.kind === 'denied') {
    return `permission denied on Podman's socket ${at}: run the gateway as the socket's owner, or let its group use it`;
  }
  if (outcome?.kind === 'podman' || outcome?.kind === 'other') {
    return `${at}: ${describe(outcome)}`;
  }
  if (!(await onPath('podman', options.env))) {
    return 'no Podman API socket answers and podman is not on the PATH: install podman, or set OPENSHELL_PODMAN_SOCKET';
  }
  const scope = uid === 0 ? '' : '--user ';
  return `Podman's service is not running: start it with 'systemctl ${scope}enable --now podman.socket', or without systemd 'podman system service --time 0 unix://${at}'`;
}

async function onPath(program: string, env: Env): Promise<boolean> {
  for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const there = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) {
      return true;
    }
  }
  return false;
}
