import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { pinnedNode } from '../package/release.js';

/** Depends on the machine, and is therefore shown with it and never compared. */
export interface Times {
  /** Install, compile and bundle. */
  readonly buildMs: number;
  /** Folder: from the process's start to "listening", every engine's client loaded; median. */
  readonly listeningMs: number;
  /** `--version` of folder and bundle; medians. */
  readonly folderVersionMs: number;
  readonly bundleVersionMs: number;
  /** Resident memory of the folder's gateway a second after it listens, every engine's client loaded. */
  readonly idleRssBytes: number;
}

const RUNS = 5;
const START_TIMEOUT_MS = 60_000;
const SETTLE_MS = 1_000;
const IDLE_ENGINE = new URL('./idle-engine.js', import.meta.url).href;

function rssOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

interface Start {
  readonly listeningMs: number;
  readonly rssBytes: number;
}

/** Starts a gateway on an idle engine, reads its memory after `settleMs`, and ends it. */
function startOnce(node: string, args: readonly string[], settleMs: number): Promise<Start> {
  return new Promise((resolve, reject) => {
    const home = mkdtempSync(join(tmpdir(), 'openshell-start-'));
    const began = performance.now();
    const child = spawn(node, ['--import', IDLE_ENGINE, ...args], {
      env: { PATH: process.env.PATH, HOME: home },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: START_TIMEOUT_MS,
    });
    let text = '';
    let listeningMs: number | undefined;
    let rssBytes = 0;
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (listeningMs !== undefined || !text.includes('"listening on ')) {
        return;
      }
      listeningMs = performance.now() - began;
      setTimeout(() => {
        rssBytes = rssOf(child.pid as number);
        child.kill('SIGTERM');
      }, settleMs);
    });
    child.once('error', reject);
    child.once('close', () => {
      rmSync(home, { recursive: true, force: true });
      if (listeningMs === undefined) {
        reject(failedPrecondition(`the gateway did not start:\n${text}`));
      } else {
        resolve({ listeningMs, rssBytes });
      }
    });
  });
}

function runMs(node: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(node, args, { stdio: 'ignore', timeout: START_TIMEOUT_MS });
    child.once('error', reject);
    child.once('close', () => resolve(performance.now() - began));
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** Starts what was packaged, several times each, one after another. */
export async function measureTimes(
  root: string,
  {
    folder,
    bundle,
    drivers,
  }: { readonly folder: string; readonly bundle: string; readonly drivers: readonly string[] },
): Promise<Omit<Times, 'buildMs'>> {
  const node = pinnedNode(root).path;
  const main = join(folder, 'dist', 'main.js');
  const starts: Start[] = [];
  const folderRuns: number[] = [];
  const bundleRuns: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const serve = [main, '--port', '0', '--drivers', drivers.join(',')];
    starts.push(await startOnce(node, serve, run === 0 ? SETTLE_MS : 0));
    folderRuns.push(await runMs(node, [main, '--version']));
    bundleRuns.push(await runMs(node, [bundle, '--version']));
  }
  return {
    listeningMs: median(starts.map(({ listeningMs }) => listeningMs)),
    folderVersionMs: median(folderRuns),
    bundleVersionMs: median(bundleRuns),
    idleRssBytes: starts[0]?.rssBytes ?? 0,
  };
}
