import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_TIMEOUT_MS = 60_000;

export function tempFolder() {
  const path = mkdtempSync(join(tmpdir(), 'openshell-bench-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Neither the user's own configuration nor his state is touched. */
export function environment(folder) {
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('OPENSHELL_'))),
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_CONFIG_HOME: join(folder, 'config'),
  };
}

/** Waits for the process's end; SIGKILL when SIGTERM is not enough. */
export async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = once(child, 'exit');
  child.kill(signal);
  const kill = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exited;
  clearTimeout(kill);
}

/** Starts `node SCRIPT ARGS` and waits until its stderr or stdout matches `ready`. */
export async function startProcess(script, args, { ready, env = process.env, nodeArgs = [] }) {
  const child = spawn(process.execPath, [...nodeArgs, script, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const found = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${script} is not ready:\n${text}`)), START_TIMEOUT_MS);
    function read(chunk) {
      if (text.length < 100_000) {
        text += chunk;
      }
      const match = ready.exec(text);
      if (match === null) {
        return;
      }
      clearTimeout(timer);
      resolve(match[1]);
    }

    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${script} ended with ${code}:\n${text}`));
    });
  }).catch(async (error) => {
    await end(child, 'SIGKILL');
    throw error;
  });
  return { found, pid: child.pid, stop: () => end(child) };
}

/** A gateway process on a free port. `script` is a main.js, `config` the text of gateway.toml. */
export async function startGateway({ script, folder, config, args = [] }) {
  const file = join(folder, 'gateway.toml');
  writeFileSync(file, config);
  const started = await startProcess(script, [...args, '--config', file, '--port', '0'], {
    env: environment(folder),
    ready: /"address":"([^"]+)"/,
  });
  return { address: started.found, pid: started.pid, stop: started.stop };
}

/** Resident memory of a process in MiB, as the kernel counts it. */
export function rssMib(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
