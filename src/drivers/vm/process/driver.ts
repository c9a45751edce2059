import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComputeDriver } from '../../../compute/driver.js';
import type { DriverContext } from '../../../compute/entry.js';
import { Code, invalidArgument, notFound, OpenShellError } from '../../../compute/errors.js';
import { ownerLabels } from '../../../compute/labels.js';
import type { DriverSandbox, SandboxRef } from '../../../compute/sandbox.js';
import type { Accelerator } from '../accelerator.js';
import type { GuestNetwork } from '../guest-network.js';
import { pullPolicy, RESOURCES, type VmSettings } from '../settings.js';
import type { GuestFiles } from './guest/prepare.js';
import { clearUnfinished } from './images/disk-cache.js';
import { createLibrary } from './images/library.js';
import { createRegistry } from './images/registry/registry.js';
import { openConfinement } from './qemu/confinement.js';
import { claimUidRange } from './qemu/uid-range.js';
import { qemuUser } from './qemu/user.js';
import { createBroadcaster } from './sandboxes/broadcaster.js';
import { createRetryStart } from './sandboxes/crash-loop.js';
import { checkSizes, planMachine } from './sandboxes/plan.js';
import { readRecord, type SandboxRecord } from './sandboxes/record.js';
import { createSandbox, type Sandbox, type SandboxDependencies } from './sandboxes/sandbox.js';
import { describeHostCpu } from './snapshots/key.js';
import { openSnapshots } from './snapshots/snapshots.js';

interface VmDriverOptions {
  readonly context: Omit<DriverContext, 'secret'>;
  readonly accelerator: Accelerator;
  readonly qemuVersion: string;
  /** The whole output of `qemu --version`. */
  readonly qemuBuild: string;
  readonly guest: () => Promise<GuestFiles>;
  /** Undefined: no guest has a network card. */
  readonly network: GuestNetwork | undefined;
}

const MIB = 1024 * 1024;
/** Holds the user id for taking a snapshot; no sandbox has this id. */
const SNAPSHOT = ':template';

/** Sandboxes as virtual machines. Those in its state directory are listed at once and resumed. */
export async function createVmDriver(options: VmDriverOptions): Promise<ComputeDriver> {
  const { context, accelerator } = options;
  const settings = context.settings as VmSettings;
  checkSizes(settings);
  // A gateway's sandboxes are those below the folder of its id.
  const root = join(context.stateDir, context.gatewayId);
  const folder = join(root, 'sandboxes');
  const cacheDir = join(context.stateDir, 'disks');
  const broadcaster = createBroadcaster('vm');
  const sandboxes = new Map<string, Sandbox>();
  const uids = new Map<string, number>();

  const { log } = context;
  const range =
    process.getuid?.() === 0
      ? await claimUidRange({ base: settings.qemu_uid_base, gatewayId: context.gatewayId, owner: root, log })
      : { first: settings.qemu_uid_base, last: Number.POSITIVE_INFINITY };

  function freeUid(): number {
    const taken = new Set(uids.values());
    let uid = range.first;
    while (taken.has(uid)) {
      uid++;
    }
    return uid;
  }

  function uidOf(id: string): number {
    const known = uids.get(id);
    if (known !== undefined && known >= range.first && known <= range.last) {
      return known;
    }
    const uid = freeUid();
    uids.set(id, uid);
    return uid;
  }

  const confinement = await openConfinement({
    gatewayId: context.gatewayId,
    stateDir: context.stateDir,
    qemu: settings.qemu,
    uid: range.last,
    log,
  });

  const snapshots = !settings.templates
    ? undefined
    : await openSnapshots({
        // The name that earlier versions used.
        directory: join(context.stateDir, 'templates'),
        cacheMib: settings.template_cache_mib,
        qemu: settings.qemu,
        qemuBuild: options.qemuBuild,
        hostCpu: accelerator === 'kvm' ? await describeHostCpu() : '',
        bootTimeoutMs: settings.boot_timeout_secs * 1000,
        guest: options.guest,
        confinement,
        asUser: async (work) => {
          const uid = freeUid();
          uids.set(SNAPSHOT, uid);
          await work(await qemuUser(uid, accelerator)).finally(() => uids.delete(SNAPSHOT));
        },
        log,
      });
  const dependencies: SandboxDependencies = {
    settings,
    accelerator,
    library: createLibrary({
      imageDir: settings.image_dir || join(context.stateDir, 'images'),
      cacheDir,
      cacheMib: settings.image_cache_mib,
      freeMib: settings.overlay_disk_mib,
      pullPolicy: pullPolicy(settings),
      registry: createRegistry({
        insecure: settings.insecure_registries,
        local: settings.local_registries,
        tokenHosts: settings.registry_token_hosts,
        authFile: settings.registry_auth_file,
        maxBytes: settings.image_cache_mib * MIB,
      }),
    }),
    guest: options.guest,
    snapshots,
    network: options.network,
    takenTaps: () => new Set([...sandboxes.values()].flatMap((sandbox) => sandbox.tap() ?? [])),
    uidOf,
    confinement,
    retryStart: createRetryStart(),
    broadcaster,
    log,
  };

  async function resumeAll() {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await clearUnfinished(cacheDir);
    const found: Sandbox[] = [];
    for (const id of await readdir(folder)) {
      const directory = join(folder, id);
      const record = await readRecord(directory);
      if (record === undefined) {
        // Nothing was reported about it before its record was complete.
        await rm(directory, { recursive: true, force: true });
        continue;
      }
      const sandbox = createSandbox(directory, record, dependencies);
      if (record.intent !== 'delete') {
        sandboxes.set(id, sandbox);
      }
      uids.set(id, record.uid);
      found.push(sandbox);
    }
    // Not awaited, so that a slow agent does not hold up all other sandboxes.
    for (const sandbox of found) {
      sandbox
        .resume()
        .catch((error) => log.error(`a sandbox could not be resumed: ${OpenShellError.from(error).text}`));
    }
  }

  function validate(sandbox: DriverSandbox): DriverSandbox {
    planMachine(sandbox, settings);
    const image = sandbox.spec.template.image || settings.default_image;
    if (image === '') {
      throw invalidArgument('the sandbox specifies no image, and default_image is not set', {
        field: 'spec.template.image',
      });
    }
    return { ...sandbox, spec: { ...sandbox.spec, template: { ...sandbox.spec.template, image } } };
  }

  function find(ref: SandboxRef): Sandbox {
    const sandbox = sandboxes.get(ref.id);
    if (sandbox === undefined) {
      throw notFound(`sandbox '${ref.name || ref.id}' does not exist`);
    }
    return sandbox;
  }

  async function remove(id: string): Promise<boolean> {
    const sandbox = sandboxes.get(id);
    if (sandbox === undefined) {
      return false;
    }
    await sandbox.remove();
    const existed = sandboxes.delete(id);
    uids.delete(id);
    return existed;
  }

  await resumeAll();
  function observeAll() {
    return [...sandboxes.values()].map((sandbox) => sandbox.observe());
  }

  return {
    name: 'vm',
    access: {
      exec: async (ref, spec, { signal }) => find(ref).exec(spec, signal),
      async *logs(ref, logOptions) {
        yield* find(ref).logs(logOptions);
      },
      connect: async (ref, port, { signal }) => find(ref).connect(port, signal),
    },
    capabilities: async () => ({
      driverName: 'vm',
      driverVersion: options.qemuVersion,
      defaultImage: settings.default_image,
      gatewayManagesLifecycle: true,
      resources: RESOURCES,
    }),
    validateCreate: async (sandbox) => {
      validate(sandbox);
    },
    create: async (requested, { signal }) => {
      const sandbox = validate(requested);
      const { id } = sandbox;
      if (sandboxes.has(id)) {
        throw new OpenShellError(Code.ALREADY_EXISTS, `the sandbox '${id}' already exists`);
      }
      signal.throwIfAborted();
      const uid = uidOf(id);
      const record: SandboxRecord = {
        sandbox,
        labels: { ...sandbox.spec.template.labels, ...ownerLabels(context, sandbox) },
        intent: 'run',
        image: undefined,
        uid,
        run: undefined,
        ending: undefined,
      };
      const created = createSandbox(join(folder, id), record, dependencies);
      sandboxes.set(id, created);
      try {
        await created.create();
        signal.throwIfAborted();
      } catch (error) {
        await remove(id);
        throw error;
      }
    },
    get: async (ref) => sandboxes.get(ref.id)?.observe(),
    list: async () => observeAll(),
    stop: async (ref) => find(ref).stop(),
    start: async (ref) => find(ref).start(),
    delete: (ref) => remove(ref.id),
    watch: ({ signal }) => broadcaster.watch(observeAll, signal),
    close: async () => {
      await Promise.all([snapshots?.close(), ...[...sandboxes.values()].map((sandbox) => sandbox.detach())]);
      await confinement.close();
    },
  };
}
