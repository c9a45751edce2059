import { randomInt, randomUUID } from 'node:crypto';
import { invalidArgument, notFound } from '../../compute/errors.js';
import { partNotInBuild } from '../../compute/parts.js';
import type { TelemetrySink } from '../../compute/telemetry.js';
import { type Flavor, isLeftOut } from '../../flavor/flavor.js';
import { runWithDeadline } from '../../kit/deadline.js';
import { nearest } from '../../kit/nearest.js';
import type { SandboxRecord, StoredSandboxSpec } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import type { Authorizer } from '../auth/authorizer.js';
import type { Caller } from '../auth/principal.js';
import type { ManagedDriver } from '../drivers/managed.js';
import type { Admitted } from '../lifecycle/admission.js';
import type { Controller } from '../lifecycle/controller.js';
import { toDriverSandbox } from '../lifecycle/driver-sandbox.js';
import { NO_RESTARTS } from '../lifecycle/restart-policy.js';
import { REASON } from '../lifecycle/transition.js';
import { checkGiven, checkName, checkSandbox, pageLimit, parseSelector } from './limits.js';
import { type Listing, listing, type PageRequest, type Pages } from './pages.js';
import { type TemplateService, withTemplate } from './templates.js';
import { DEFAULT_WORKSPACE, type WorkspaceService } from './workspaces.js';

/** The annotation with which a create selects a driver other than the default one. */
export const DRIVER_ANNOTATION = 'openshell.ai/compute-driver';

export interface CreateSandboxInput {
  /** Empty: two random words. */
  readonly name: string;
  /** Empty: the default workspace. */
  readonly workspace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: StoredSandboxSpec;
  /** The name of a template in the same workspace that defines the workload. Empty: none. */
  readonly template: string;
}

interface ListSandboxesInput {
  readonly workspace: string;
  readonly allWorkspaces: boolean;
  readonly labelSelector: string;
}

export interface SandboxService {
  /** Validates and stores; the driver creates the sandbox in the background. */
  create(
    caller: Caller,
    input: CreateSandboxInput,
    remember?: Remember<SandboxRecord>,
  ): Promise<SandboxRecord>;
  get(caller: Caller, workspace: string, name: string): Promise<SandboxRecord>;
  getById(caller: Caller, id: string): Promise<SandboxRecord>;
  /** Without environments and drivers' secrets, like `page`. */
  list(
    caller: Caller,
    input: ListSandboxesInput & { limit: number; offset: number },
  ): Promise<Listing<SandboxRecord>>;
  page(caller: Caller, input: ListSandboxesInput, page: PageRequest): Promise<Listing<SandboxRecord>>;
  /** Stores the intent; the removal continues in the background. */
  delete(
    caller: Caller,
    workspace: string,
    name: string,
    remember?: Remember<SandboxRecord>,
  ): Promise<SandboxRecord>;
  /** Waits for a delete: true once the name is free, false after 10 s or when the signal aborts. */
  gone(id: string, signal: AbortSignal): Promise<boolean>;
  stop(caller: Caller, workspace: string, name: string): Promise<SandboxRecord>;
  start(caller: Caller, workspace: string, name: string): Promise<SandboxRecord>;
  /** Why the sandbox's driver is not running here; undefined when it is. */
  orphaned(record: SandboxRecord): string | undefined;
}

interface SandboxServiceOptions {
  readonly store: Store;
  readonly authorizer: Authorizer;
  readonly controller: Controller;
  readonly workspaces: WorkspaceService;
  readonly templates: TemplateService;
  readonly pages: Pages;
  /** The default one first. */
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly flavor: Flavor;
  readonly namespace: string;
  /** Empty: none. */
  readonly defaultImage: string;
  readonly telemetry: TelemetrySink | undefined;
  readonly now: () => number;
}

const VALIDATE_TIMEOUT_MS = 30_000;

export function createSandboxService(options: SandboxServiceOptions): SandboxService {
  const { store, authorizer, controller, workspaces, templates, drivers, now, telemetry } = options;

  function driverFor(annotations: Readonly<Record<string, string>>): ManagedDriver {
    const wanted = annotations[DRIVER_ANNOTATION];
    const found = wanted === undefined ? drivers.values().next().value : drivers.get(wanted);
    if (found !== undefined) {
      return found;
    }
    const part = { kind: 'driver', name: wanted ?? '' } as const;
    if (isLeftOut(options.flavor, part)) {
      throw partNotInBuild(part, options.flavor.name, `the annotation ${DRIVER_ANNOTATION}`);
    }
    const running = [...drivers.keys()];
    const meant = nearest(wanted ?? '', running);
    throw invalidArgument(
      `the driver '${wanted}' is not running in this gateway; running: ${running.join(', ')}`,
      {
        field: `annotations.${DRIVER_ANNOTATION}`,
        reason: 'DriverNotRunning',
        hint: meant && `did you mean '${meant}'?`,
      },
    );
  }

  async function imageFor(given: string, driver: ManagedDriver, signal: AbortSignal): Promise<string> {
    const image = given || options.defaultImage || (await driver.capabilities(signal)).defaultImage;
    if (image !== '') {
      return image;
    }
    throw invalidArgument('spec.template.image is required: this gateway has no default image', {
      field: 'spec.template.image',
      hint: 'set an image, or default_image under [openshell.gateway] in gateway.toml',
    });
  }

  async function granted(
    caller: Caller,
    record: SandboxRecord | undefined,
    workspace?: string,
  ): Promise<SandboxRecord> {
    await authorizer.require(caller, { workspace: record?.workspace ?? workspace, sandboxId: record?.id });
    if (record === undefined) {
      throw notFound('sandbox not found', { reason: 'SandboxNotFound' });
    }
    return record;
  }

  async function find(caller: Caller, given: string, name: string): Promise<SandboxRecord> {
    checkGiven(name, 'name');
    const workspace = given || DEFAULT_WORKSPACE;
    return granted(caller, await store.findSandbox(workspace, name), workspace);
  }

  async function queryOf(caller: Caller, { workspace, allWorkspaces, labelSelector }: ListSandboxesInput) {
    if (allWorkspaces && workspace !== '') {
      throw invalidArgument('workspace and all_workspaces exclude each other', { field: 'all_workspaces' });
    }
    const selector = parseSelector(labelSelector);
    if (allWorkspaces) {
      await authorizer.require(caller, { workspace: undefined });
      return { selector };
    }
    const { name } = await workspaces.get(caller, workspace || DEFAULT_WORKSPACE);
    return { selector, workspace: name };
  }

  async function counted(
    operation: 'delete' | 'stop' | 'start',
    work: () => Promise<SandboxRecord>,
  ): Promise<SandboxRecord> {
    try {
      const record = await work();
      telemetry?.record({ kind: 'sandbox-lifecycle', operation, outcome: 'success' });
      return record;
    } catch (error) {
      telemetry?.record({ kind: 'sandbox-lifecycle', operation, outcome: 'failure' });
      throw error;
    }
  }

  async function prepare(caller: Caller, input: CreateSandboxInput) {
    const { signal } = caller;
    const name = input.name === '' ? petName() : input.name;
    checkName(name);
    const { [DRIVER_ANNOTATION]: _, ...annotations } = input.annotations;
    const workspace = await workspaces.resolveActive(caller, input.workspace);
    const template =
      input.template === '' ? undefined : await templates.get(caller, workspace, input.template);
    const spec = template === undefined ? input.spec : withTemplate(input.spec, template);
    checkSandbox({ labels: input.labels, annotations, spec });
    const driver = driverFor(input.annotations);
    const image = await imageFor(spec.template.image, driver, signal);
    const nowMs = now();
    const record: Omit<SandboxRecord, 'resourceVersion'> = {
      id: randomUUID(),
      name,
      workspace,
      driver: driver.name,
      labels: input.labels,
      annotations: input.annotations,
      spec: { ...spec, template: { ...spec.template, image } },
      createdAtMs: nowMs,
      deletionAtMs: 0,
      intent: 'run',
      phase: 'provisioning',
      exitCode: undefined,
      reason: '',
      message: '',
      resourceName: '',
      instanceId: '',
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: REASON.provisioning,
          message: 'the sandbox is being created',
          transitionAtMs: nowMs,
        },
      ],
      restarts: NO_RESTARTS,
      startedAtMs: 0,
      fromTemplate: template && { name: template.name, resourceVersion: template.resourceVersion },
    };
    const sandbox = toDriverSandbox(record, options.namespace);
    const ready = await driver.driver();
    await runWithDeadline(VALIDATE_TIMEOUT_MS, signal, (until) =>
      ready.validateCreate(sandbox, { signal: until }),
    );
    return record;
  }

  function report(input: CreateSandboxInput, driver: string, outcome: 'success' | 'failure') {
    return telemetry?.record({
      kind: 'sandbox-create',
      outcome,
      requestedGpu: input.spec.gpu !== undefined,
      image: input.spec.template.image === '' ? 'default' : 'given',
      driver,
    });
  }

  return {
    async create(caller, input, remember) {
      let stored: SandboxRecord;
      let place: Admitted | undefined;
      try {
        const record = await prepare(caller, input);
        place = controller.admit(record.driver);
        stored = await store.insertSandbox(record, remember);
      } catch (error) {
        place?.free();
        report(input, input.annotations[DRIVER_ANNOTATION] ?? '', 'failure');
        throw error;
      }
      controller
        .provision(stored.id, place)
        .then(() => store.getSandbox(stored.id))
        .then(
          (record) => report(input, stored.driver, record?.phase === 'failed' ? 'failure' : 'success'),
          () => report(input, stored.driver, 'failure'),
        );
      return stored;
    },
    get: find,
    async getById(caller, id) {
      checkGiven(id, 'sandbox_id');
      return granted(caller, await store.getSandbox(id));
    },
    async list(caller, { limit, offset, ...input }) {
      const query = { ...(await queryOf(caller, input)), withoutSecrets: true };
      return listing({ limit: pageLimit(limit), offset }, (page) => store.listSandboxes({ ...query, page }));
    },
    async page(caller, input, page) {
      const query = await queryOf(caller, input);
      return options.pages.read({ kind: 'sandboxes', ...query }, page, (at) =>
        store.listSandboxes({ ...query, withoutSecrets: true, page: at }),
      );
    },
    delete: (caller, workspace, name, remember) =>
      counted('delete', async () => controller.delete((await find(caller, workspace, name)).id, remember)),
    gone: controller.gone,
    stop: (caller, workspace, name) =>
      counted('stop', async () => controller.stop((await find(caller, workspace, name)).id)),
    start: (caller, workspace, name) =>
      counted('start', async () => controller.restart((await find(caller, workspace, name)).id)),
    orphaned(record) {
      return drivers.has(record.driver)
        ? undefined
        : `its driver '${record.driver}' is not running in this gateway`;
    },
  };
}

const FIRST =
  'amber bold brave brisk calm clear cosy crisp deft eager fair fast fond glad keen kind lively lucid merry mild neat nimble plain prime quick quiet ready sage sharp sleek snug sound spry still stout sunny swift tidy true warm wise witty'.split(
    ' ',
  );
const SECOND =
  'ant badger bear bee bison crane crow deer dove duck eagle elk falcon finch fox gecko gull hare hawk heron ibex jay koala lark lemur lion lynx marten mole moose newt otter owl panda puffin quail raven robin seal shrew sloth stork swan tapir tern tiger toad trout vole wasp whale wolf wren yak'.split(
    ' ',
  );

/** Two words with a hyphen, at most 19 characters. */
function petName(): string {
  return `${FIRST[randomInt(FIRST.length)]}-${SECOND[randomInt(SECOND.length)]}`;
}
