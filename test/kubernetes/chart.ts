import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { skipWithout } from '../support/engines.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HELM = `${ROOT}test/engines/kubernetes/helm`;
const CHART = `${ROOT}deploy/helm/openshell`;

/** Only what the tests look at. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** Runs helm with a kubeconfig; rejects with what it wrote to stderr. */
export async function helm(args: readonly string[], kubeconfig = '/nowhere'): Promise<string> {
  try {
    const env = { ...process.env, KUBECONFIG: kubeconfig, OPENSHELL_BUILD_TOOLS: 'no' };
    const done = await promisify(execFile)(HELM, args, { env, timeout: 60_000, maxBuffer: 16 * 1024 * 1024 });
    return done.stdout;
  } catch (error) {
    throw new Error((error as { stderr?: string }).stderr || String(error));
  }
}

/** The `skip` of tests of the chart: false, or why there is no helm. */
export async function withoutHelm(): Promise<string | false> {
  const why = await helm(['version']).then(
    () => undefined,
    (error: Error) => error.message.trim(),
  );
  return skipWithout('kubernetes', why);
}

export interface Release {
  readonly name?: string;
  readonly namespace?: string;
  /** As after --set. */
  readonly set?: readonly string[];
  readonly kubeVersion?: string;
}

function releaseArgs({ name = 'openshell', namespace = 'openshell', set = [] }: Release): string[] {
  return [name, CHART, '--namespace', namespace, ...set.flatMap((one) => ['--set', one])];
}

/** What `helm template` makes of the chart: no cluster is asked. */
export async function render(release: Release = {}): Promise<Manifest[]> {
  const version = ['--kube-version', release.kubeVersion ?? '1.34.0'];
  return loadAll(await helm(['template', ...releaseArgs(release), ...version])) as Manifest[];
}

/** `helm upgrade --install`; gives its notes. */
export function install(release: Release, kubeconfig: string, ...more: string[]): Promise<string> {
  return helm(['upgrade', '--install', ...releaseArgs(release), ...more], kubeconfig);
}

export function ofKind(manifests: readonly Manifest[], kind: string, name?: string): Manifest[] {
  return manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
}

export function theOne(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const [found, ...more] = ofKind(manifests, kind, name);
  if (found === undefined || more.length > 0) {
    throw new Error(`${more.length + (found ? 1 : 0)} of ${kind} ${name}`);
  }
  return found;
}

export function gatewayToml(manifests: readonly Manifest[]): string {
  return theOne(manifests, 'ConfigMap').data?.['gateway.toml'] ?? '';
}

/** A file of a Secret. */
export function pem(secret: Manifest, file: string): string {
  return Buffer.from(secret.data?.[file] ?? '', 'base64').toString();
}

/** Runs a script of bash with the cluster's kubectl, as its administrator. */
export async function bash(script: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const lines = `set -euo pipefail; . '${ROOT}test/engines/kubernetes/lib.sh'\n${script}`;
  const done = await promisify(execFile)('bash', ['-c', lines], {
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return done.stdout;
}
