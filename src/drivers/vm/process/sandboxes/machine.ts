import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { type AgentChannel, openChannel } from '../../../../agent/channel.js';
import { Code, failedPrecondition, OpenShellError, unavailable } from '../../../../compute/errors.js';
import { deadline, delay, withDeadline } from '../../../../kit/deadline.js';
import { createDeferred } from '../../../../kit/deferred.js';
import { withShortPaths } from '../files.js';
import { type MachineShape, qemuArguments, VM_FILES } from '../qemu/arguments.js';
import type { Confinement } from '../qemu/confinement.js';
import { saveConsole } from '../qemu/console.js';
import { outlastFullDisk } from '../qemu/full-disk.js';
import { connectQmp, type Qmp } from '../qemu/qmp.js';
import { checkSockets, type ListeningSockets, listenForQemu } from '../qemu/sockets.js';
import type { QemuUser } from '../qemu/user.js';

/** A running QEMU with its control socket and the agent inside. */
export interface Machine {
  readonly pid: number;
  readonly control: Qmp;
  readonly channel: AgentChannel;
  /** Resolves when QEMU is gone. */
  readonly gone: Promise<void>;
  /** Shuts the guest down within `graceMs`, then ends QEMU in any case. */
  powerOff(graceMs: number): Promise<void>;
  /** Ends QEMU at once. */
  kill(): Promise<void>;
  /** Closes the sockets; QEMU keeps running. */
  detach(): void;
}

export interface LaunchOptions {
  readonly qemu: string;
  readonly shape: MachineShape;
  /** Where its files are, and QEMU's working directory. */
  readonly directory: string;
  /** Undefined: the driver's own user. */
  readonly user: QemuUser | undefined;
  readonly confinement: Confinement;
  /** An open snapshot's descriptor, read from its start; undefined: the guest boots. */
  readonly stateFd: number | undefined;
  readonly bootTimeoutMs: number;
  /** Called as soon as there is a process, which a new driver process would have to know. */
  readonly onStarted: (pid: number) => Promise<void>;
  /** Called once the agent answers, with another `bootTimeoutMs`; the launch fails when it does. */
  readonly onAnswered?: (machine: Machine, signal: AbortSignal) => Promise<void>;
  readonly onFullDisk?: FullDiskListener;
  readonly signal: AbortSignal;
}

/** Called when the machine starts waiting for space on the host's disk, and when it continues. */
type FullDiskListener = (isWaiting: boolean) => void;

const RETRY_MS = 10;
const KILL_WAIT_MS = 10_000;
const EXIT_SEEN_MS = 500;
const EXIT_AFTER_QUIT_MS = 1_000;
const ANSWER_MS = 10_000;
const CONSOLE_TAIL = 2_000;

/** Whether `pid` is the QEMU of this name, and not another process that reuses its number. */
async function isMachine(pid: number, name: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
  return commandLine.split('\0').includes(name);
}

/** The QEMU of this name, also one that was just started and is in no record yet. */
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

/** The reason of a failure caused only by someone else's signal to QEMU. */
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
      // By position: STATE_FD, CONTROL_FD, AGENT_FD.
      stdio: ['ignore', stderr.fd, stderr.fd, options.stateFd ?? 'ignore', sockets.control, sockets.agent],
      detached: true,
      env: { PATH: process.env.PATH ?? '' },
      ...(command.user ?? {}),
    });
    const exit = createDeferred();
    child.once('exit', () => exit.resolve());
    exited = exit.promise;
    // It comes at once or never; with a signal, an existing process could be forgotten.
    await once(child, 'spawn');
  } catch (cause) {
    throw failedPrecondition(`QEMU cannot be started: ${(cause as Error).message}`, {
      cause,
      reason: 'QemuFailed',
      hint: 'install qemu-system-x86, or set qemu to its path',
    });
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
    // A lost connection may be the first sign of its end.
    if (!signal.aborted) {
      await Promise.race([exited, delay(EXIT_SEEN_MS)]);
    }
    const endedBy = child.signalCode;
    // Not by name: a process that was just started has none yet.
    child.kill('SIGKILL');
    await Promise.race([exited, delay(KILL_WAIT_MS)]);
    await confinement.release(shape.name);
    if (endedBy !== null && !options.signal.aborted) {
      throw unavailable(`QEMU was ended by ${endedBy}`, { reason: QEMU_KILLED, cause: error });
    }
    const output = await readFile(join(directory, '..', VM_FILES.stderr), 'utf8').catch(() => '');
    throw bootFailure(error, output.trim(), options);
  }
}

function bootFailure(
  error: unknown,
  stderr: string,
  { signal, bootTimeoutMs }: LaunchOptions,
): OpenShellError {
  if (signal.aborted) {
    return OpenShellError.from(signal.reason);
  }
  const known = OpenShellError.from(error);
  const late = known.code === Code.DEADLINE_EXCEEDED;
  const what = late ? `the guest agent did not answer within ${bootTimeoutMs / 1000} s` : known.message;
  return unavailable(stderr === '' ? what : `${what}: ${stderr.slice(-CONSOLE_TAIL)}`, {
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
  /** Another driver process has used this agent before. */
  readonly resume: boolean;
  /** It is being restored and stays paused until resumed. */
  readonly wake?: boolean;
  readonly onFullDisk?: FullDiskListener | undefined;
  readonly signal: AbortSignal;
}

/** Connects to a running QEMU. When its agent does not answer, the error's hint has the end of the console output. */
export async function connectMachine(options: ConnectOptions): Promise<Machine> {
  const { directory, signal } = options;
  await checkSockets(directory);
  return withShortPaths(directory, async (at) => {
    const qmp = await retry(() => connectQmp(at(VM_FILES.control), signal), signal);
    const off = poweredOff(qmp);
    const offEarly = new AbortController();
    void off.then(() => offEarly.abort(unavailable('the guest is powered off')));
    try {
      const until = AbortSignal.any([signal, offEarly.signal]);
      if (options.wake === true) {
        await resumeGuest(qmp, until);
      }
      outlastFullDisk(qmp, options.onFullDisk ?? (() => {}));
      const wire = await retry(() => connectSocket(at(VM_FILES.agent)), until);
      const channel = await openChannel(wire, { signal: until, resume: options.resume });
      return machineOf({ ...options, qmp, channel, off });
    } catch (error) {
      const tail = (await saveConsole(qmp, consolePath(directory))).slice(-CONSOLE_TAIL);
      if (offEarly.signal.aborted) {
        await quit(qmp);
      }
      qmp.close();
      const known = OpenShellError.from(error);
      throw tail === ''
        ? known
        : new OpenShellError(known.code, known.message, { cause: error, hint: `console output: ${tail}` });
    }
  });
}

async function resumeGuest(qmp: Qmp, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { status } = (await qmp.run('query-status', {}, signal)) as { status?: string };
    if (status !== 'inmigrate') {
      break;
    }
    await delay(RETRY_MS, signal);
  }
  await qmp.run('cont', {}, signal);
}

/** Repeats `attempt` until it succeeds or the signal aborts. */
async function retry<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
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

/** Also resolves for a guest that powered off before this call: QEMU is then paused. */
function poweredOff(qmp: Qmp): Promise<void> {
  const off = createDeferred();
  qmp.onEvent(({ name }) => {
    if (OFF_EVENTS.includes(name)) {
      off.resolve();
    }
  });
  qmp.run('query-status', {}, deadline(ANSWER_MS)).then(
    (answer) => {
      if (OFF_STATES.includes((answer as { status?: string }).status)) {
        off.resolve();
      }
    },
    () => {},
  );
  return off.promise;
}

/** QEMU finishes writing its disk images before it answers. */
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
      await withDeadline(graceMs, undefined, () => Promise.race([off, qmp.closed])).catch(() => {});
      await saveConsole(qmp, consolePath(directory));
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
