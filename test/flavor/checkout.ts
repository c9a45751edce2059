import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from '../../dist-tools/flavor/run.js';
import { tempFolder } from '../support/folder.js';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A copy of this checkout's source, without its output, in which a test may write what it likes. */
export interface Checkout {
  readonly root: string;
  /** `openshell-flavor` on this checkout. */
  flavor(...argv: string[]): Promise<Outcome>;
  /** Compiles what is there over what was compiled before; gives the compiler's output when it fails. */
  compile(tsconfig: string): Promise<Outcome>;
  /** A program of the build, by Node. */
  node(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome>;
  read(path: string): string;
  write(path: string, text: string): void;
  remove(): void;
}

const COPIED = [
  'src',
  'package.json',
  'package-lock.json',
  'tools/flavor/package.json',
  'scripts/build.mjs',
  'LICENSE',
];
const TIMEOUT_MS = 300_000;

export function execute(
  file: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = spawn(file, args, {
      cwd,
      // What it runs is a copy of src/, or none of it: without this, Node hands the coverage of our own run on to it.
      env: { ...env, NODE_V8_COVERAGE: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.once('error', fail);
    child.once('close', (code) => done({ status: code ?? 128, stdout, stderr }));
  });
}

export function openCheckout(): Checkout {
  const { path: root, remove } = tempFolder();
  const configs = readdirSync(ROOT).filter((name) => /^tsconfig.*\.json$/.test(name));
  for (const path of [...COPIED, ...configs]) {
    cpSync(join(ROOT, path), join(root, path), {
      recursive: true,
      filter: (from) => !/\/node_modules$/.test(from),
    });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const home = { HOME: root, XDG_STATE_HOME: join(root, '.state'), XDG_CONFIG_HOME: join(root, '.config') };
  return {
    root,
    async flavor(...argv) {
      const lines = { stdout: [] as string[], stderr: [] as string[] };
      const status = await run({
        root,
        cwd: root,
        argv,
        print: (line) => lines.stdout.push(line),
        progress: (line) => lines.stderr.push(line),
      });
      return { status, stdout: lines.stdout.join('\n'), stderr: lines.stderr.join('\n') };
    },
    compile: (tsconfig) =>
      execute(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', tsconfig], root),
    node: (args, env = {}) =>
      execute(process.execPath, args, root, { PATH: process.env.PATH, ...home, ...env }),
    read: (path) => readFileSync(join(root, path), 'utf8'),
    write: (path, text) => writeFileSync(join(root, path), text),
    remove,
  };
}

/** The text of every compiled file, by its path below dist/, without what the compiler keeps for itself. */
export function output(root: string): Map<string, string> {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) {
    return new Map();
  }
  return new Map(
    (readdirSync(dist, { recursive: true }) as string[])
      .filter((path) => path.endsWith('.js'))
      .map((path) => [path, readFileSync(join(dist, path), 'utf8')]),
  );
}
