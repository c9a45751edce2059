import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { VERSION } from '../../../dist/compute/version.js';
import { outcome } from '../program.js';

/** The origin of the artifacts of one packaging. */
export interface Release {
  readonly version: string;
  /** The commit, plus `-dirty` when the working tree differs or a source is untracked; `unknown` without git. */
  readonly commit: string;
  /** SOURCE_DATE_EPOCH, else the commit's time, else 0: seconds. */
  readonly epochSeconds: number;
}

/** What a build reads; `src/flavors` is generated. */
export const SOURCES = [
  'src',
  'tools/flavor/package.json',
  'package.json',
  'package-lock.json',
  'tsconfig.base.json',
  'LICENSE',
];

const MAX_EPOCH_SECONDS = 253_402_300_799;

async function git(root: string, ...args: string[]): Promise<string | undefined> {
  const { status, stdout } = await outcome('git', ['-C', root, ...args], { cwd: root });
  return status === 0 ? stdout.trim() : undefined;
}

/** @throws OpenShellError FAILED_PRECONDITION when SOURCE_DATE_EPOCH is not a time */
export async function readRelease(
  root: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Release> {
  const head = await git(root, 'rev-parse', 'HEAD');
  const changes = await git(root, 'status', '--porcelain', '--untracked-files=no');
  // A new file that is compiled is in no commit either.
  const added = await git(root, 'status', '--porcelain', '--untracked-files=all', '--', ...SOURCES);
  const given = env.SOURCE_DATE_EPOCH;
  const epochSeconds = Number(given ?? (await git(root, 'log', '-1', '--format=%ct')) ?? 0);
  if (!Number.isSafeInteger(epochSeconds) || epochSeconds < 0 || epochSeconds > MAX_EPOCH_SECONDS) {
    throw failedPrecondition(`SOURCE_DATE_EPOCH is '${given}', which is not a number of seconds since 1970`);
  }
  const commit = head === undefined ? 'unknown' : `${head}${changes === '' && added === '' ? '' : '-dirty'}`;
  return { version: VERSION, commit, epochSeconds };
}

/** The Node in executables, which also runs the tool while it packages: from npm, never the host's. */
export function pinnedNode(root: string): { readonly path: string; readonly version: string } {
  const folder = join(root, 'node_modules', 'node24');
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { path: join(folder, 'bin', 'node'), version };
}
