import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { type AgentChannel, openChannel } from '../../../../agent/channel.js';
import { Code, OpenShellError, unavailable } from '../../../../compute/errors.js';
import { deadline, delay } from '../../../../kit/deadline.js';
import { type MachineShape, qemuArguments, VM_FILES } from '../qemu/arguments.js';
import type { Confinement } from '../qemu/confinement.js';
import { keepConsole } from '../qemu/console.js';
import { outlastFullDisk } from '../qemu/full-disk.js';
import { connectQmp, type Qmp } from '../qemu/qmp.js';
import { checkSockets, type ListeningSockets, listenForQemu } from '../qemu/sockets.js';
import type { QemuUser } from '../qemu/user.js';

/** A QEMU that runs, with its control socket and the agent inside. */
export interface Machine {
  readonly pid: number;
  readonly control: Qmp;
  readonly channel: AgentChannel;
  /** Resolves when QEMU is gone. */
  readonly gone: Promise<void>;
  /** Switches the guest off in order, within `graceMs`; then ends QEMU, whatever the guest does. */
  powerOff(graceMs: number): Promise<void>;
  /** Ends QEMU at once. */
  kill(): Promise<void>;
  /** Lets go of the sockets; QEMU runs on. */
  detach(): void;
}

export interface LaunchOptions {
  readonly qemu: string;
  readonly shape: MachineShape;
  /** Where its files are; QEMU runs in it and as its owner. */
  readonly directory: string;
  /** Undefined: the driver's own user. */
  readonly user: QemuUser | undefined;
  readonly confinement: Confinement;
  /** An open snapshot's descriptor, read from its start; undefined: the guest boots. */
  readonly stateFd: number | undefined;
  readonly bootTimeoutMs: number;
  /** Called as soon as there is a process that a new driver process would have to know of. */
  readonly onStarted: (pid: number) => Promise<void>;
  /** What must have worked once the agent answers, within another such time: the launch fails when it does. */
  readonly onAnswered?: (machine: Machine, signal: AbortSignal) => Promise<void>;
  readonly onFullDisk?: FullDiskListener;
  readonly signal: AbortSignal;
}

/** Hears that the machine waits for room on the host's disk, and that it goes on. */
type FullDiskListener = (waits: boolean) => void;

const RETRY_MS = 10;
const KILL_WAIT_MS = 10_000;
const EXIT_SEEN_MS = 500;
const EXIT_AFTER_QUIT_MS = 1_000;
const ANSWER_MS = 10_000;
const CONSOLE_TAIL = 2_000;

/** Whether `pid` is the QEMU of this name, and no other process that has its number now. */
async function isMachine(pid: number, name: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
  return commandLine.split('\0').includes(name);
}

/** The QEMU of this name, wherever it came from: one that was just started may stand in no record yet. */
export async function findMachine(name: string): Promise<number | undefined> {
  for (const entry of await readdir('/proc')) {
    if (/^\d+$/.test(entry) && (await isMachine(Number(entry), name))) {
      return Number(entry);
    }
  }
  return undefined;
}

/** Ends the QEMU of this name with SIGKILL and waits until it is gone. */
export async function killMachine(pid: number, name: string): Promise<void> {
  const until = performance.now() + KILL_WAIT_MS;
  while (await isMachine(pid, name)) {
    if (performance.now() > until) {
      throw unavailable(`the process ${pid} (${name}) does not end`);
    }
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      return;
    }
    await delay(RETRY_MS);
  }
}

/** The reason of a failure that was no more than the end of QEMU by a signal that was none of ours. */
export const QEMU_KILLED = 'QemuKilled';

/** Starts QEMU and waits for the agent inside. A failure leaves no process. */
export async function launchMachine(options: LaunchOptions): Promise<Machine> {
  const { shape, directory, user, confinement } = options;
  const signal = deadline(options.bootTimeoutMs, options.signal);
  const stderr = await open(join(directory, '..', VM_FILES.stderr), 'w', 0o600);
  let sockets: ListeningSockets | undefined;
  let child: ChildProcess;
  let exited: Promise<void>;
  try {
    sockets = await listenForQemu(directory);
    const args = qemuArguments(shape, options.stateFd === undefined ? 'boot' : 'restore');
    const command = await confinement.command({ file: options.qemu, args, user }, shape);
    child = spawn(command.file, command.args, {
      cwd: directory,
      // By their places: STATE_FD, CONTROL_FD, AGENT_FD.
      stdio: ['ignore', stderr.fd, stderr.fd, options.stateFd ?? 'ignore', sockets.control, sockets.agent],
      detached: true,
      env: { PATH: process.env.PATH ?? '' },
      ...(command.user ?? {}),
    });
    exited = exitOf(child);
    // It comes at once or never: with a signal, a process that is there could be forgotten.
    await once(child, 'spawn');
  } catch (cause) {
    throw new OpenShellError(
      Code.FAILED_PRECONDITION,
      `QEMU cannot be started: ${(cause as Error).message}`,
      {
        cause,
        reason: 'QemuFailed',
        hint: 'install qemu-system-x86, or set qemu to its path',
      },
    );
  } finally {
    sockets?.close();
    await stderr.close();
  }
  child.unref();
  const pid = child.pid as number;
  const stop = new AbortController();
  void exited.then(() => stop.abort(unavailable('QEMU ended')));
  try {
    await options.onStarted(pid);
    const until = AbortSignal.any([signal, stop.signal]);
    const machine = await connectMachine({
      pid,
      name: shape.name,
      directory,
      confinement,
      resume: false,
      wake: options.stateFd !== undefined,
      onFullDisk: options.onFullDisk,
      signal: until,
    });
    await options.onAnswered?.(machine, deadline(options.bootTimeoutMs, options.signal));
    return machine;
  } catch (error) {
    // A connection that is lost may be the first that is seen of its end.
    if (!signal.aborted) {
      await Promise.race([exited, delay(EXIT_SEEN_MS)]);
    }
    const endedBy = child.signalCode;
    // Not by its name: a process that was just started has none yet.
    child.kill('SIGKILL');
    await Promise.race([exited, delay(KILL_WAIT_MS)]);
    await confinement.release(shape.name);
    if (endedBy !== null && !options.signal.aborted) {
      throw unavailable(`QEMU was ended by ${endedBy}`, { reason: QEMU_KILLED, cause: error });
    }
    const said = (await readFile(join(directory, '..', VM_FILES.stderr), 'utf8').catch(() => '')).trim();
    throw bootFailure(error, said, options);
  }
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

function bootFailure(error: unknown, said: string, { signal, bootTimeoutMs }: LaunchOptions): OpenShellError {
  if (signal.aborted) {
    return OpenShellError.from(signal.reason);
  }
  const known = OpenShellError.from(error);
  const late = known.code === Code.DEADLINE_EXCEEDED;
  const what = late ? `the guest agent did not answer within ${bootTimeoutMs / 1000} s` : known.message;
  return new OpenShellError(Code.UNAVAILABLE, said === '' ? what : `${what}: ${said.slice(-CONSOLE_TAIL)}`, {
    cause: error,
    reason: 'BootFailed',
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  });
}

interface ConnectOptions {
  readonly pid: number;
  readonly name: string;
  readonly directory: string;
  readonly confinement: Confinement;
  /** Another driver process spoke with the agent before. */
  readonly resume: boolean;
  /** It is being restored and stands still until it is told to run. */
  readonly wake?: boolean;
  readonly onFullDisk?: FullDiskListener | undefined;
  readonly signal: AbortSignal;
}

/** Connects to a QEMU that runs. Rejects with the console's tail in the message when its agent does not answer. */
export async function connectMachine(options: ConnectOptions): Promise<Machine> {
  const { signal } = options;
  await checkSockets(options.directory);
  // Through the directory's descriptor: a socket's path may have 107 bytes, and a state directory more.
  const folder = await open(options.directory, 'r');
  function at(file: string) {
    return `/proc/self/fd/${folder.fd}/${file}`;
  }

  try {
    const qmp = await persistently(() => connectQmp(at(VM_FILES.control), signal), signal);
    const off = poweredOff(qmp);
    const offEarly = new AbortController();
    void off.then(() => offEarly.abort(unavailable('the guest is switched off')));
    try {
      const until = AbortSignal.any([signal, offEarly.signal]);
      if (options.wake === true) {
        await wakeUp(qmp, until);
      }
      outlastFullDisk(qmp, options.onFullDisk ?? (() => {}));
      const wire = await persistently(() => connectSocket(at(VM_FILES.agent)), until);
      const channel = await openChannel(wire, { signal: until, resume: options.resume });
      return machineOf({ ...options, qmp, channel, off });
    } catch (error) {
      const tail = (await keepConsole(qmp, consolePath(options.directory))).slice(-CONSOLE_TAIL);
      if (offEarly.signal.aborted) {
        await quit(qmp);
      }
      qmp.close();
      const known = OpenShellError.from(error);
      throw tail === ''
        ? known
        : new OpenShellError(known.code, known.message, { cause: error, hint: `the console says: ${tail}` });
    }
  } finally {
    await close(folder);
  }
}

async function wakeUp(qmp: Qmp, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { status } = (await qmp.run('query-status', {}, signal)) as { status?: string };
    if (status !== 'inmigrate') {
      break;
    }
    await delay(RETRY_MS, signal);
  }
  await qmp.run('cont', {}, signal);
}

function close(folder: FileHandle): Promise<void> {
  return folder.close();
}

async function persistently<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) {
        throw error;
      }
    }
    await delay(RETRY_MS, signal);
  }
}

async function connectSocket(path: string): Promise<Socket> {
  const socket = createConnection({ path });
  await once(socket, 'connect');
  return socket;
}

const OFF_EVENTS: readonly unknown[] = ['SHUTDOWN', 'GUEST_PANICKED'];
const OFF_STATES: readonly unknown[] = ['shutdown', 'guest-panicked'];

/** Also of a guest that was switched off before anyone listened: QEMU then stands paused. */
function poweredOff(qmp: Qmp): Promise<void> {
  return new Promise((resolve) => {
    qmp.onEvent(({ name }) => {
      if (OFF_EVENTS.includes(name)) {
        resolve();
      }
    });
    const asked = qmp.run('query-status', {}, deadline(ANSWER_MS)) as Promise<{ status?: string }>;
    asked.then(
      ({ status }) => {
        if (OFF_STATES.includes(status)) {
          resolve();
        }
      },
      () => {},
    );
  });
}

/** QEMU writes its images to their end before it answers. */
async function quit(qmp: Qmp): Promise<void> {
  await qmp.run('quit', {}, deadline(KILL_WAIT_MS)).catch(() => {});
  await Promise.race([qmp.closed, delay(EXIT_AFTER_QUIT_MS)]);
}

function consolePath(directory: string): string {
  return join(directory, '..', VM_FILES.console);
}

interface Connected extends Pick<ConnectOptions, 'pid' | 'name' | 'directory' | 'confinement'> {
  readonly qmp: Qmp;
  readonly channel: AgentChannel;
  readonly off: Promise<void>;
}

function machineOf({ pid, name, directory, confinement, qmp, channel, off }: Connected): Machine {
  async function kill() {
    channel.close();
    qmp.close();
    await killMachine(pid, name);
    await confinement.release(name);
  }

  return {
    pid,
    control: qmp,
    channel,
    gone: qmp.closed,
    async powerOff(graceMs) {
      channel.halt();
      const late = deadline(graceMs);
      const expired = new Promise<void>((resolve) =>
        late.addEventListener('abort', () => resolve(), { once: true }),
      );
      await Promise.race([off, qmp.closed, expired]);
      await keepConsole(qmp, consolePath(directory));
      await quit(qmp);
      await kill();
    },
    kill,
    detach: () => {
      channel.close();
      qmp.close();
    },
  };
}
