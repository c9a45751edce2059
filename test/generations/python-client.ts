import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const INSTALL_TIMEOUT_MS = 300_000;
const CLIENT_TIMEOUT_MS = 180_000;
const cache = process.env.OPENSHELL_CACHE || join(homedir(), '.cache', 'openshell');

/**
 * The Python of a virtual environment that holds openshell==`version`, made once and kept in the cache folder.
 * Rejects when it cannot be made.
 */
async function pythonWith(version: string): Promise<string> {
  const folder = join(cache, `py-${version}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(python) && (await installed(python)) === version) {
    return python;
  }
  // Made beside its place, so that an install that was cut off is never taken for a whole one. A moved environment
  // keeps working as long as its programs are called through its python.
  const fresh = `${folder}.${process.pid}`;
  await mkdir(cache, { recursive: true });
  await run('python3', ['-m', 'venv', fresh], { timeout: INSTALL_TIMEOUT_MS });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `openshell==${version}`];
  await run(join(fresh, 'bin', 'python'), pip, { timeout: INSTALL_TIMEOUT_MS });
  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
  return python;
}

async function installed(python: string): Promise<string> {
  const show = 'import importlib.metadata as m; print(m.version("openshell"))';
  return (await run(python, ['-c', show]).catch(() => ({ stdout: '' }))).stdout.trim();
}

/** Why a test with this client must be skipped; undefined when it can run, and also when `.ci/run` insists on it. */
export async function clientMissing(version: string): Promise<string | undefined> {
  try {
    await pythonWith(version);
    return undefined;
  } catch (error) {
    const reason = `openshell==${version} cannot be installed: ${(error as Error).message.split('\n')[0]}`;
    if (process.env.OPENSHELL_REQUIRE_ENGINES !== undefined) {
      throw new Error(reason);
    }
    return reason;
  }
}

/** Runs test/generations/clients/`script` and gives what it printed. Rejects, with its traceback, when it fails. */
export async function runClient(
  version: string,
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const file = join(sources, 'clients', script);
  try {
    const { stdout } = await run(await pythonWith(version), [file, ...args], {
      timeout: CLIENT_TIMEOUT_MS,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env },
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${script} with openshell==${version} failed after:\n${stdout}${stderr}`, {
      cause: error,
    });
  }
}

/** The folder of the sources: Python files are not compiled along. */
const sources = join(dirname(dirname(import.meta.dirname)), 'test', 'generations');
