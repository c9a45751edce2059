import { mkdir, rm, stat } from 'node:fs/promises';
import { connectThroughAgent } from '../../../../agent/connect.js';
import { execThroughAgent, spawnRecords } from '../../../../agent/exec.js';
import type { StreamExit } from '../../../../agent/stream.js';
import {
  type ExecSession,
  type ExecSpec,
  type LogLine,
  type LogOptions,
  type PortConnection,
  PROGRESS,
} from '../../../../compute/driver.js';
import { failedPrecondition, OpenShellError } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';
import type { ObservedSandbox } from '../../../../compute/sandbox.js';
import { deadline, withDeadline } from '../../../../kit/deadline.js';
import type { Accelerator } from '../../accelerator.js';
import type { GuestLink, GuestNetwork } from '../../guest-network.js';
import type { VmSettings } from '../../settings.js';
import type { GuestFiles } from '../guest/prepare.js';
import { type ImageConfig, NO_CONFIG } from '../images/layout.js';
import type { ImageLibrary } from '../images/library.js';
import { freeLink, macOf, networkRecords } from '../network/link.js';
import { checkTap } from '../network/tap.js';
import { createSerialQueue } from '../promises.js';
import type { Confinement } from '../qemu/confinement.js';
import { type QemuUser, qemuUser } from '../qemu/user.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import { startMachine } from './boot.js';
import type { Broadcaster } from './broadcaster.js';
import { crashLooping, type RetryStart } from './crash-loop.js';
import { chownDisk, createDisk, hasDisk, placeGuest, vmDirectory } from './disk.js';
import { createLogFile } from './log-file.js';
import { connectMachine, findMachine, killMachine, type Machine } from './machine.js';
import { diskTooLarge, type Plan, planMachine } from './plan.js';
import { type Ending, newRun, type SandboxRecord } from './record.js';
import { openRecord } from './record-file.js';
import { machineName, observe } from './status.js';

export interface SandboxDependencies {
  readonly settings: VmSettings;
  readonly accelerator: Accelerator;
  readonly library: ImageLibrary;
  readonly guest: () => Promise<GuestFiles>;
  /** Undefined: switched off. */
  readonly snapshots: Snapshots | undefined;
  /** Undefined: no guest has a network card. */
  readonly network: GuestNetwork | undefined;
  /** Tap devices of machines that are running or starting. */
  readonly takenTaps: () => ReadonlySet<string>;
  /** The user id that this sandbox's QEMU runs as if the driver is root. */
  readonly uidOf: (id: string) => number;
  readonly confinement: Confinement;
  readonly retryStart: RetryStart;
  readonly broadcaster: Broadcaster;
  readonly log: Logger;
}

/** One sandbox: its record, its disk, and its machine while it runs. */
export interface Sandbox {
  observe(): ObservedSandbox;
  /** Writes the record, after which the sandbox exists and boots in the background. */
  create(): Promise<void>;
  /** After a restart of the driver process: continues from the state in the record. */
  resume(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
  /** The tap device of its machine, also of one that is starting. */
  tap(): string | undefined;
  exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession>;
  connect(port: number, signal: AbortSignal): Promise<PortConnection>;
  logs(options: LogOptions): AsyncGenerator<LogLine>;
  /** Leaves the machine running. */
  detach(): Promise<void>;
}

const ROOT_DEVICE = '/dev/vda';
const POWER_OFF_MS = 5_000;
const STOP_SLACK_MS = 5_000;
const KILLED = 137;

function now(): string {
  return new Date().toISOString();
}

export function createSandbox(
  directory: string,
  initial: SandboxRecord,
  dependencies: SandboxDependencies,
): Sandbox {
  const { settings, broadcaster } = dependencies;
  const { id, name, spec } = initial.sandbox;
  const log = dependencies.log.child({ sandbox_id: id });
  const output = createLogFile(directory, log);
  const record = openRecord(directory, initial, { broadcaster, log });
  let machine: Machine | undefined;
  /** Settles when the current run is over and its end has been written. */
  let over: Promise<void> = Promise.resolve();
  let booting: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  let detached = false;
  /** Commands wait until the machine of an earlier driver process has been found. */
  let resuming: Promise<void> = Promise.resolve();
  const inTurn = createSerialQueue();

  function reportFullDisk(isWaiting: boolean) {
    if (isWaiting) {
      const message = "the host's disk is full: the virtual machine is paused until there is space";
      log.warn(message);
      broadcaster.warning(id, 'HostDiskFull', message);
    } else {
      const message = "the host's disk has space again: the virtual machine continues";
      log.info(message);
      broadcaster.platform(id, 'HostDiskFreed', message);
    }
  }

  function progress(step: string, message: string, reason = 'Progress') {
    return broadcaster.platform(id, reason, message, {
      [PROGRESS.activeStep]: step,
      [PROGRESS.activeDetail]: message,
    });
  }

  async function prepareDisk(signal: AbortSignal): Promise<ImageConfig> {
    if (record.now.image !== undefined && (await hasDisk(directory))) {
      return record.now.image;
    }
    const { image } = spec.template;
    progress('pulling_image', `preparing ${image}`);
    const disk = await dependencies.library.rootDisk(
      image,
      ({ reason, message }) => progress('pulling_image', message, reason),
      signal,
    );
    broadcaster.platform(id, 'ImagePresent', `the image ${image} is present`, {
      [PROGRESS.completeStep]: 'pulling_image',
      [PROGRESS.completeLabel]: `Image ${image}`,
    });
    const tooLarge = diskTooLarge((await stat(disk.path)).size, settings);
    if (tooLarge !== undefined) {
      throw tooLarge;
    }
    await createDisk(directory, disk.path);
    await record.save({ image: disk.config });
    return disk.config;
  }

  function environment() {
    return {
      ...record.now.image?.environment,
      ...spec.template.environment,
      ...spec.environment,
    };
  }

  /** Reserves a free tap device; undefined when guests have no network card. */
  async function takeLink(user: QemuUser | undefined): Promise<GuestLink | undefined> {
    const { network, takenTaps } = dependencies;
    if (network === undefined) {
      return undefined;
    }
    const link = freeLink(network, takenTaps());
    // In memory before the check, so that no other machine takes it.
    const saved = record.save({ run: { ...(record.now.run ?? newRun()), tap: link.tap } });
    await checkTap(link.tap, user);
    await saved;
    return link;
  }

  /** The user that QEMU runs as; a new one if the recorded id no longer belongs to this gateway. */
  async function takeUser(): Promise<QemuUser | undefined> {
    const uid = dependencies.uidOf(id);
    if (uid !== record.now.uid) {
      await record.save({ uid });
    }
    const user = await qemuUser(uid, dependencies.accelerator);
    await chownDisk(directory, user?.uid);
    return user;
  }

  async function setUp(
    plan: Plan,
    image: ImageConfig,
    link: GuestLink | undefined,
    { channel }: Machine,
    signal: AbortSignal,
  ) {
    await channel.renew(signal);
    const setup: [string, string][] = [
      ['r', ROOT_DEVICE],
      ['w', settings.workspace_path],
      ['u', image.user],
      ['h', name],
      ['P', String(settings.sandbox_pids_limit)],
      ['F', String(settings.max_open_files)],
    ];
    if (plan.memoryMax !== undefined) {
      setup.push(['M', plan.memoryMax]);
    }
    if (plan.cpuMax !== undefined) {
      setup.push(['C', plan.cpuMax]);
    }
    if (link !== undefined) {
      setup.push(...networkRecords(dependencies.network as GuestNetwork, link));
    }
    await channel.setup(setup, signal);
  }

  async function startMain({ channel }: Machine, image: ImageConfig, signal: AbortSignal) {
    const main = spawnRecords({
      command: spec.command,
      environment: environment(),
      user: image.user,
      workdir: settings.workspace_path,
    });
    main.push(['m', '']);
    // Stdin is a pipe that stays open: a shell without a terminal waits for commands, as with other drivers.
    if (spec.command.length > 0) {
      main.push(['i', '']);
    }
    if (spec.tty) {
      main.push(['t', '80x24']);
    }
    await channel.spawn(main, signal);
  }

  async function launch(signal: AbortSignal) {
    const image = await prepareDisk(signal);
    progress('starting_sandbox', 'starting the virtual machine');
    const guest = await dependencies.guest();
    const plan = planMachine(record.now.sandbox, settings);
    const bootTimeoutMs = settings.boot_timeout_secs * 1000;
    const user = await takeUser();
    const link = await takeLink(user);
    const started = await startMachine({
      qemu: settings.qemu,
      shape: {
        name: machineName(id),
        accelerator: dependencies.accelerator,
        vcpus: plan.vcpus,
        memoryMib: plan.memoryMib,
        card: link === undefined ? undefined : { tap: link.tap, mac: macOf(id) },
      },
      directory: vmDirectory(directory),
      user,
      confinement: dependencies.confinement,
      bootTimeoutMs,
      onStarted: (pid) => record.save({ run: { ...(record.now.run ?? newRun()), pid } }),
      onFullDisk: reportFullDisk,
      signal,
      guest,
      placeGuest: () => placeGuest(directory, guest),
      snapshots: dependencies.snapshots,
      prepare: (machine, until) => setUp(plan, image, link, machine, until),
      begin: (machine, until) => startMain(machine, image, until),
      log,
    });
    try {
      await attach(started);
    } catch (error) {
      await started.kill();
      throw error;
    }
  }

  /** Takes over a machine whose main process runs. One that is already in the record needs no disk space. */
  async function attach(started: Machine) {
    const run = record.now.run ?? newRun();
    // Before the record shows it as running, after which commands may arrive.
    machine = started;
    if (run.pid !== started.pid || run.runningSince === '') {
      const runningSince = run.runningSince || now();
      try {
        await record.save({ run: { ...run, pid: started.pid, runningSince }, unfinishedStarts: 0 });
      } catch (error) {
        machine = undefined;
        throw error;
      }
    }
    over = follow(started);
  }

  /** Writes the main process's output until it ends, then records how, then powers the machine off. */
  async function follow(running: Machine): Promise<void> {
    const main = running.channel.main;
    if (main === undefined) {
      return;
    }
    for await (const { stream, data } of main.output) {
      await output.write(stream, data);
    }
    const exit = await main.exit.catch(() => undefined);
    if (detached) {
      return;
    }
    await output.flush();
    await record.end(await endingOf(running, exit));
    output.ended();
    try {
      if (exit === undefined) {
        await running.kill();
      } else {
        // Other commands end with the main process, and their callers receive the exit codes.
        await running.channel.endOthers(deadline(STOP_SLACK_MS));
        await running.powerOff(POWER_OFF_MS);
      }
    } catch (error) {
      log.error(`the virtual machine could not be ended: ${OpenShellError.from(error).text}`);
    } finally {
      machine = undefined;
    }
  }

  async function endingOf(running: Machine, exit: StreamExit | undefined): Promise<Ending> {
    if (exit !== undefined) {
      return { kind: 'exited', exitCode: exit.code, detail: exit.oomKilled ? 'OOMKilled' : '', at: now() };
    }
    const reason = await running.channel.closed;
    if (reason.name !== 'ProtocolBreach') {
      return machineLost('the virtual machine ended');
    }
    log.warn(`the guest violated the agent protocol: ${reason.message}`);
    return machineLost(`GuestProtocolError: ${reason.message}`);
  }

  /** An idle sandbox that lost its machine counts as stopped, so that the gateway may start it again. */
  function machineLost(detail: string): Ending {
    return spec.command.length === 0
      ? { kind: 'stopped', at: now() }
      : { kind: 'exited', exitCode: KILLED, detail, at: now() };
  }

  function boot() {
    const abort = new AbortController();
    const { signal } = abort;
    const { unfinishedStarts = 0 } = record.now;
    // Durable before the image is touched, so that an image that crashes this process cannot do so forever.
    async function begin() {
      await record.save({ run: newRun(), ending: undefined, unfinishedStarts: unfinishedStarts + 1 });
      await launch(signal);
    }

    async function work() {
      try {
        const refusal = crashLooping(unfinishedStarts);
        if (refusal !== undefined) {
          throw refusal;
        }
        await (unfinishedStarts === 0 ? begin() : dependencies.retryStart(signal, begin));
      } catch (thrown) {
        if (detached) {
          return await record.save({ unfinishedStarts });
        }
        const error = OpenShellError.from(thrown);
        log.warn(`the virtual machine could not be started: ${error.text}`, {
          cause: String(error.cause ?? ''),
        });
        await record.end(
          signal.aborted
            ? { kind: 'stopped', at: now() }
            : {
                kind: 'failed',
                reason: error.reason ?? 'ProvisioningFailed',
                message: error.text,
                at: now(),
              },
        );
      }
    }

    const done = work()
      .catch((error) =>
        log.error(`the sandbox's record cannot be written: ${OpenShellError.from(error).text}`),
      )
      .finally(() => {
        booting = undefined;
      });
    booting = { abort, done };
  }

  async function abortBoot() {
    booting?.abort.abort(new DOMException('the sandbox is being stopped', 'AbortError'));
    await booting?.done;
  }

  async function stopMain(running: Machine) {
    const graceMs = settings.stop_timeout_secs * 1000;
    running.channel.main?.end(graceMs);
    await withDeadline(graceMs + STOP_SLACK_MS, undefined, () => over).catch(() => {});
    if (machine === running) {
      await running.kill();
    }
    await over;
  }

  async function resume() {
    if (record.now.intent === 'delete') {
      return removeNow();
    }
    const { run, ending } = record.now;
    const pid = await findMachine(machineName(id));
    // One that was still booting is ended and boots again.
    if (pid !== undefined && (run === undefined || run.runningSince === '')) {
      await killMachine(pid, machineName(id));
    } else if (pid !== undefined && (await reconnect(pid))) {
      return;
    }
    if (ending !== undefined) {
      return;
    }
    if (run !== undefined && run.runningSince !== '') {
      await record.end(machineLost('the virtual machine ended'));
    } else if (record.now.intent === 'run') {
      boot();
    } else {
      await record.end({ kind: 'stopped', at: now() });
    }
  }

  /** True when the machine is in the state that is recorded; otherwise it is ended. */
  async function reconnect(pid: number): Promise<boolean> {
    try {
      const found = await connectMachine({
        pid,
        name: machineName(id),
        directory: vmDirectory(directory),
        confinement: dependencies.confinement,
        resume: true,
        onFullDisk: reportFullDisk,
        // As long as a boot may take, so that a busy host does not cost a machine.
        signal: deadline(settings.boot_timeout_secs * 1000),
      });
      const { main, mainExitCode } = found.channel.state;
      if (main === 'running' && record.now.ending === undefined) {
        await attach(found);
        if (record.now.intent === 'stop') {
          await stopMain(found);
        }
        return true;
      }
      if (main === 'exited' && record.now.ending === undefined) {
        await record.end({ kind: 'exited', exitCode: mainExitCode, detail: '', at: now() });
      }
      await found.powerOff(POWER_OFF_MS);
      return main === 'exited';
    } catch (error) {
      log.warn(`ending a virtual machine that does not answer: ${OpenShellError.from(error).text}`);
      await killMachine(pid, machineName(id));
      return false;
    }
  }

  async function removeNow() {
    await record.note('delete');
    await abortBoot();
    await machine?.kill();
    await over;
    const left = await findMachine(machineName(id));
    if (left !== undefined) {
      await killMachine(left, machineName(id));
    }
    await dependencies.confinement.release(machineName(id));
    output.ended();
    await rm(directory, { recursive: true, force: true });
    broadcaster.deleted(id);
  }

  async function running(): Promise<Machine> {
    await resuming;
    if (machine === undefined || record.now.ending !== undefined) {
      throw failedPrecondition(`the sandbox '${name}' is not running`, { hint: 'start it first' });
    }
    return machine;
  }

  return {
    observe: () => observe(record.now),
    create: async () => {
      await mkdir(directory, { mode: 0o700 });
      await record.save({});
      boot();
    },
    resume: () => {
      resuming = inTurn(resume);
      return resuming;
    },
    start: () =>
      inTurn(async () => {
        await record.save({ intent: 'run' });
        if (booting !== undefined || (machine !== undefined && record.now.ending === undefined)) {
          return;
        }
        await over;
        boot();
      }),
    stop: () =>
      inTurn(async () => {
        await record.note('stop');
        await abortBoot();
        if (machine !== undefined) {
          await stopMain(machine);
        } else if (record.now.ending === undefined) {
          await record.end({ kind: 'stopped', at: now() });
        }
      }),
    remove: () => inTurn(removeNow),
    exec: async (execSpec, signal) => {
      const { channel } = await running();
      const defaults = {
        environment: environment(),
        user: (record.now.image ?? NO_CONFIG).user,
        workdir: settings.workspace_path,
      };
      return execThroughAgent(channel, execSpec, defaults, signal);
    },
    connect: async (port, signal) => connectThroughAgent((await running()).channel, port, signal),
    tap: () => (machine !== undefined || record.now.ending === undefined ? record.now.run?.tap : undefined),
    logs: (options) => output.read(options, () => record.now.ending === undefined),
    detach: async () => {
      detached = true;
      const running = booting?.done;
      booting?.abort.abort(new DOMException('the driver is closing', 'AbortError'));
      await running;
      machine?.detach();
      await over;
    },
  };
}
