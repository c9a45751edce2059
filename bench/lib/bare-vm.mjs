import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const RETRY_MS = 5;
const BOOT_TIMEOUT_MS = 120_000;
const PART_BYTES = 64 * 1024;

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function connect(path, signal) {
  for (;;) {
    signal.throwIfAborted();
    const socket = createConnection({ path });
    const opened = await once(socket, 'connect').catch(() => undefined);
    if (opened !== undefined) {
      return socket;
    }
    await sleep(RETRY_MS);
  }
}

/**
 * QEMU with the command line, kernel, agent and disk that the driver of the build at `dist` uses, started and spoken to
 * by this process alone: no record, no control socket, no gateway. `folder` is for its files, `base` the root disk.
 */
export async function openBareVm({ dist, folder, base, guest, memoryMib }) {
  function load(path) {
    return import(pathToFileURL(join(dist, path)).href);
  }

  const qemu = 'drivers/vm/process/qemu';
  const [
    { qemuArguments, VM_FILES },
    { listenForQemu },
    { openChannel },
    { execThroughAgent, spawnRecords },
  ] = await Promise.all(
    [`${qemu}/arguments.js`, `${qemu}/sockets.js`, 'agent/channel.js', 'agent/exec.js'].map(load),
  );
  const workspace = '/sandbox';
  const defaults = { environment: {}, user: '', workdir: workspace };
  const forever = new AbortController().signal;
  const running = new Set();

  return {
    /** Until its main process, which idles, runs. */
    async create(name) {
      const signal = AbortSignal.timeout(BOOT_TIMEOUT_MS);
      const directory = join(folder, name);
      mkdirSync(directory, { recursive: true });
      linkSync(join(guest, 'vmlinux'), join(directory, VM_FILES.kernel));
      linkSync(join(guest, 'initramfs'), join(directory, VM_FILES.initramfs));
      linkSync(base, join(directory, VM_FILES.base));
      const disk = ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', VM_FILES.base, VM_FILES.overlay];
      execFileSync('qemu-img', disk, { cwd: directory });
      const shape = { name: `bare-${name}`, accelerator: 'tcg', vcpus: 1, memoryMib };
      const sockets = await listenForQemu(directory);
      const child = spawn('qemu-system-x86_64', qemuArguments(shape, 'boot'), {
        cwd: directory,
        stdio: ['ignore', 'ignore', 'ignore', 'ignore', sockets.control, sockets.agent],
      });
      sockets.close();
      running.add(child);
      const channel = await openChannel(await connect(join(directory, VM_FILES.agent), signal), {
        signal,
        resume: false,
      });
      await channel.renew(signal);
      await channel.setup(
        [
          ['r', '/dev/vda'],
          ['w', workspace],
          ['u', ''],
          ['h', name],
        ],
        signal,
      );
      await channel.spawn([...spawnRecords({ ...defaults, command: [] }), ['m', '']], signal);
      return { child, channel, directory, pid: child.pid };
    },
    /** Runs to the end; `input` bytes of zeros go to its stdin. */
    async exec({ channel }, command, onData, input = 0) {
      const spec = { command, workdir: '', environment: {}, tty: false, size: undefined, timeoutMs: 0 };
      const session = await execThroughAgent(channel, { ...spec, stdin: input > 0 }, defaults, forever);
      if (input > 0) {
        void feed(session.stdin, input);
      }
      for await (const { data } of session.output) {
        onData(data);
      }
      const code = await session.exitCode;
      if (code !== 0) {
        throw new Error(`exec ended with ${code}`);
      }
    },
    async remove({ child, directory }) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) {
        await once(child, 'exit');
      }
      running.delete(child);
      rmSync(directory, { recursive: true });
    },
    close: () => {
      for (const child of running) {
        child.kill('SIGKILL');
      }
    },
  };
}

async function feed(stdin, bytes) {
  const part = Buffer.alloc(PART_BYTES);
  for (let sent = 0; sent < bytes; sent += part.length) {
    if (!stdin.write(part)) {
      await once(stdin, 'drain');
    }
  }
  stdin.end();
}
