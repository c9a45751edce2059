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
import { deadline } from '../../../../kit/deadline.js';
import type { Accelerator } from '../../accelerator.js';
import type { GuestLink, GuestNetwork } from '../../guest-network.js';
import type { VmSettings } from '../../settings.js';
import type { GuestFiles } from '../guest/prepare.js';
import { type ImageConfig, NO_CONFIG } from '../images/layout.js';
import type { ImageLibrary, ImageNews } from '../images/library.js';
import { freeLink, macOf, networkRecords } from '../network/link.js';
import { checkTap } from '../network/tap.js';
import type { Confinement } from '../qemu/confinement.js';
import { type QemuUser, qemuUser } from '../qemu/user.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import { startMachine } from './boot.js';
import type { Broadcaster } from './broadcaster.js';
import { giveDisk, hasDisk, makeDisk, placeGuest, vmDirectory } from './disk.js';
import { createLogFile } from './log-file.js';
import { connectMachine, findMachine, killMachine, type Machine } from './machine.js';
import { diskTooLarge, type Plan, planMachine } from './plan.js';
import { type Ending, newRun, type SandboxRecord } from './record.js';
import { keepRecord } from './record-file.js';
import { machineName, observe } from './status.js';
import { givenUp, type Suspects } from './suspects.js';

export interface SandboxDependencies {
  readonly settings: VmSettings;
  readonly accelerator: Accelerator;
  readonly library: ImageLibrary;
  readonly guest: () => Promise<GuestFiles>;
  /** Undefined when they are switched off. */
  readonly snapshots: Snapshots | undefined;
  /** Undefined: no guest has a network card. */
  readonly network: GuestNetwork | undefined;
  /** Tap devices of machines that run or start. */
  readonly takenTaps: () => ReadonlySet<string>;
  /** The user that this sandbox's QEMU runs as, when we are root. */
  readonly uidOf: (id: string) => number;
  readonly confinement: Confinement;
  readonly suspects: Suspects;
  readonly broadcaster: Broadcaster;
  readonly log: Logger;
}

/** One sandbox: its record, its disk, and while it runs its machine. */
export interface Sandbox {
  observe(): ObservedSandbox;
  /** Writes the record: from then on the sandbox exists, and boots in the background. */
  create(): Promise<void>;
  /** After a restart of the driver process: goes on where the record says that things stand. */
  resume(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
  /** The tap device that its machine has, or will have as soon as it starts. */
  tap(): string | undefined;
  exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession>;
  connect(port: number, signal: AbortSignal): Promise<PortConnection>;
  logs(options: LogOptions): AsyncGenerator<LogLine>;
  /** Lets the machine run on without us. */
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
  const kept = keepRecord(directory, initial, { broadcaster, log });
  let machine: Machine | undefined;
  /** Settles when the present run is over and its ending is written. */
  let over: Promise<void> = Promise.resolve();
  let booting: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  let detached = false;
  /** Until the machine of an earlier driver process is found again, commands wait. */
  let resuming: Promise<void> = Promise.resolve();
  let lane: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = lane.then(work);
    lane = result.catch(() => {});
    return result;
  }

  function reportFullDisk(waits: boolean) {
    if (waits) {
      const message = 'the host has no room for what the virtual machine writes: it waits until there is';
      log.warn(message);
      broadcaster.warning(id, 'HostDiskFull', message);
    } else {
      log.info('the host has room again: the virtual machine goes on');
      broadcaster.platform(id, 'HostDiskFreed', 'the host has room again: the virtual machine goes on');
    }
  }

  function progress(step: string, detail: string) {
    return broadcaster.platform(id, 'Progress', detail, {
      [PROGRESS.activeStep]: step,
      [PROGRESS.activeDetail]: detail,
    });
  }

  function tellOfImage({ reason, message }: ImageNews) {
    return broadcaster.platform(id, reason, message, {
      [PROGRESS.activeStep]: 'pulling_image',
      [PROGRESS.activeDetail]: message,
    });
  }

  async function prepareDisk(signal: AbortSignal): Promise<ImageConfig> {
    if (kept.now.image !== undefined && (await hasDisk(directory))) {
      return kept.now.image;
    }
    progress('pulling_image', `preparing ${spec.template.image}`);
    const { image } = spec.template;
    const disk = await dependencies.library.rootDisk(image, tellOfImage, signal);
    broadcaster.platform(id, 'ImagePresent', `the image ${image} is there`, {
      [PROGRESS.completeStep]: 'pulling_image',
      [PROGRESS.completeLabel]: `Image ${image}`,
    });
    const tooLarge = diskTooLarge((await stat(disk.path)).size, settings);
    if (tooLarge !== undefined) {
      throw tooLarge;
    }
    await makeDisk(directory, disk.path);
    await kept.save({ image: disk.config });
    return disk.config;
  }

  function environment() {
    return {
      ...kept.now.image?.environment,
      ...spec.template.environment,
      ...spec.environment,
    };
  }

  /** Takes a device that no other machine has; undefined when guests have no network card. */
  async function takeLink(user: QemuUser | undefined): Promise<GuestLink | undefined> {
    const { network, takenTaps } = dependencies;
    if (network === undefined) {
      return undefined;
    }
    const link = freeLink(network, takenTaps());
    // Known at once, so that no other machine takes it while this one looks at it.
    const saved = kept.save({ run: { ...(kept.now.run ?? newRun()), tap: link.tap } });
    await checkTap(link.tap, user);
    await saved;
    return link;
  }

  /** Another one than before when that is none of this gateway's any more. */
  async function takeUser(): Promise<QemuUser | undefined> {
    const uid = dependencies.uidOf(id);
    if (uid !== kept.now.uid) {
      await kept.save({ uid });
    }
    const user = await qemuUser(uid, dependencies.accelerator);
    await giveDisk(directory, user?.uid);
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
    // A pipe that nobody closes: a shell without a terminal waits for commands, as elsewhere.
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
    const plan = planMachine(kept.now.sandbox, settings);
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
      onStarted: (pid) => kept.save({ run: { ...(kept.now.run ?? newRun()), pid } }),
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

  /** Takes over a machine whose main process runs. One that the record knows already needs no room on the disk. */
  async function attach(started: Machine) {
    const run = kept.now.run ?? newRun();
    // Before the record says that it runs: whoever sees that may run commands.
    machine = started;
    if (run.pid !== started.pid || run.runningSince === '') {
      const runningSince = run.runningSince || now();
      try {
        await kept.save({ run: { ...run, pid: started.pid, runningSince }, unfinishedStarts: 0 });
      } catch (error) {
        machine = undefined;
        throw error;
      }
    }
    over = follow(started);
  }

  /** Writes the main process's output until it ends, then its ending, then switches the machine off. */
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
    await kept.end(await endingOf(running, exit));
    output.ended();
    try {
      if (exit === undefined) {
        await running.kill();
      } else {
        // Commands beside the main process end with it, and say so to those who ran them.
        await running.channel.endOthers(deadline(STOP_SLACK_MS));
        await running.powerOff(POWER_OFF_MS);
      }
    } catch (error) {
      log.error(`the end of the virtual machine: ${OpenShellError.from(error).text}`);
    } finally {
      machine = undefined;
    }
  }

  async function endingOf(running: Machine, exit: StreamExit | undefined): Promise<Ending> {
    if (exit !== undefined) {
      return { kind: 'exited', exitCode: exit.code, detail: exit.oomKilled ? 'OOMKilled' : '', at: now() };
    }
    const why = await running.channel.closed;
    if (why.name === 'ProtocolBreach') {
      log.warn(`the guest broke the agent protocol: ${why.message}`);
    }
    return vanished(
      why.name === 'ProtocolBreach' ? `GuestProtocolError: ${why.message}` : 'the virtual machine ended',
    );
  }

  /** An idle sandbox that lost its machine stands stopped and may be started again by the gateway itself. */
  function vanished(detail: string): Ending {
    return spec.command.length === 0
      ? { kind: 'stopped', at: now() }
      : { kind: 'exited', exitCode: KILLED, detail, at: now() };
  }

  function boot() {
    const abort = new AbortController();
    const { signal } = abort;
    const { unfinishedStarts = 0 } = kept.now;
    // On the disk before anything of the image is touched: one that ends this process may not do so for ever.
    async function begin() {
      await kept.save({ run: newRun(), ending: undefined, unfinishedStarts: unfinishedStarts + 1 });
      await launch(signal);
    }

    async function work() {
      try {
        const why = givenUp(unfinishedStarts);
        if (why !== undefined) {
          throw why;
        }
        if (unfinishedStarts === 0) {
          await begin();
        } else {
          await dependencies.suspects.alone(signal, begin);
        }
      } catch (thrown) {
        if (detached) {
          return await kept.save({ unfinishedStarts });
        }
        const error = OpenShellError.from(thrown);
        log.warn(`the virtual machine does not start: ${error.text}`, { cause: String(error.cause ?? '') });
        await kept.end(
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
    booting?.abort.abort(new DOMException('the sandbox is stopped', 'AbortError'));
    await booting?.done;
  }

  async function stopMain(running: Machine) {
    const graceMs = settings.stop_timeout_secs * 1000;
    running.channel.main?.end(graceMs);
    const late = deadline(graceMs + STOP_SLACK_MS);
    const expired = new Promise<void>((resolve) =>
      late.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([over, expired]);
    if (machine === running) {
      await running.kill();
    }
    await over;
  }

  async function resume() {
    if (kept.now.intent === 'delete') {
      return removeNow();
    }
    const { run, ending } = kept.now;
    const pid = await findMachine(machineName(id));
    // One that was still booting is not waited for: it boots again.
    if (pid !== undefined && (run === undefined || run.runningSince === '')) {
      await killMachine(pid, machineName(id));
    } else if (pid !== undefined && (await reconnect(pid))) {
      return;
    }
    if (ending !== undefined) {
      return;
    }
    if (run !== undefined && run.runningSince !== '') {
      await kept.end(vanished('the virtual machine ended'));
    } else if (kept.now.intent === 'run') {
      boot();
    } else {
      await kept.end({ kind: 'stopped', at: now() });
    }
  }

  /** True when the record agrees with the machine that was found; otherwise the machine was ended. */
  async function reconnect(pid: number): Promise<boolean> {
    try {
      const found = await connectMachine({
        pid,
        name: machineName(id),
        directory: vmDirectory(directory),
        confinement: dependencies.confinement,
        resume: true,
        onFullDisk: reportFullDisk,
        // As long as a boot may take: a busy host must not cost anyone a machine.
        signal: deadline(settings.boot_timeout_secs * 1000),
      });
      const { main, mainExitCode } = found.channel.state;
      if (main === 'running' && kept.now.ending === undefined) {
        await attach(found);
        if (kept.now.intent === 'stop') {
          await stopMain(found);
        }
        return true;
      }
      if (main === 'exited' && kept.now.ending === undefined) {
        await kept.end({ kind: 'exited', exitCode: mainExitCode, detail: '', at: now() });
      }
      await found.powerOff(POWER_OFF_MS);
      return main === 'exited';
    } catch (error) {
      log.warn(`a virtual machine that was found is ended: ${OpenShellError.from(error).text}`);
      await killMachine(pid, machineName(id));
      return false;
    }
  }

  async function removeNow() {
    await kept.note('delete');
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
    if (machine === undefined || kept.now.ending !== undefined) {
      throw failedPrecondition(`the sandbox '${name}' does not run`, { hint: 'start it first' });
    }
    return machine;
  }

  return {
    observe: () => observe(kept.now),
    create: async () => {
      await mkdir(directory, { mode: 0o700 });
      await kept.save({});
      boot();
    },
    resume: () => {
      resuming = inTurn(resume);
      return resuming;
    },
    start: () =>
      inTurn(async () => {
        await kept.save({ intent: 'run' });
        if (booting !== undefined || (machine !== undefined && kept.now.ending === undefined)) {
          return;
        }
        await over;
        boot();
      }),
    stop: () =>
      inTurn(async () => {
        await kept.note('stop');
        await abortBoot();
        if (machine !== undefined) {
          await stopMain(machine);
        } else if (kept.now.ending === undefined) {
          await kept.end({ kind: 'stopped', at: now() });
        }
      }),
    remove: () => inTurn(removeNow),
    exec: async (execSpec, signal) => {
      const { channel } = await running();
      const defaults = {
        environment: environment(),
        user: (kept.now.image ?? NO_CONFIG).user,
        workdir: settings.workspace_path,
      };
      return execThroughAgent(channel, execSpec, defaults, signal);
    },
    connect: async (port, signal) => connectThroughAgent((await running()).channel, port, signal),
    tap: () => (machine !== undefined || kept.now.ending === undefined ? kept.now.run?.tap : undefined),
    logs: (options) => output.read(options, () => kept.now.ending === undefined),
    detach: async () => {
      detached = true;
      const running = booting?.done;
      booting?.abort.abort(new DOMException('the driver ends', 'AbortError'));
      await running;
      machine?.detach();
      await over;
    },
  };
}
