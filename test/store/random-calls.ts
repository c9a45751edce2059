import fc from 'fast-check';
import type { SandboxRecord } from '../../dist/store/model.js';
import type { Store } from '../../dist/store/store.js';
import { request, sandbox, template, workspace } from './records.js';

/** One call of a store, as it is printed when a property fails, and as it is made. */
export interface Call {
  readonly name: string;
  run(store: Store): Promise<unknown>;
  toString(): string;
}

function call(name: string, run: Call['run'], ...args: unknown[]): Call {
  return {
    name,
    run,
    toString: () => `${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`,
  };
}

/** Few enough values that calls meet each other's objects. */
const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const name = fc.constantFrom('x', 'y', 'z', 'x-y');
const space = fc.constantFrom('default', 'team', "o'hara");
const driver = fc.constantFrom('docker', 'vm');
const atMs = fc.integer({ min: 0, max: 3 });
const version = fc.integer({ min: 0, max: 4 });
const phase = fc.constantFrom('provisioning' as const, 'running' as const, 'exited' as const);
const label = fc.constantFrom('app', '$.a[0]', '"q"', 'ä/b.c', '');
const labels = fc.dictionary(label, fc.constantFrom('1', '', "'; --", '{}'), { maxKeys: 3 });
const selector = fc.option(
  labels.map((pairs) => new Map(Object.entries(pairs))),
  { nil: undefined },
);
const page = fc.option(
  fc.record({
    limit: fc.integer({ min: 0, max: 4 }),
    offset: fc.integer({ min: 0, max: 4 }),
    after: fc.option(fc.record({ createdAtMs: atMs, name, id }), { nil: undefined }),
    bytes: fc.option(fc.constant(1), { nil: undefined }),
  }),
  { nil: undefined },
);

/** The id under which a write is remembered, if it is. */
const requestId = fc.option(fc.constantFrom('r', 's'), { nil: undefined });
function remember(given: string | undefined) {
  return given === undefined
    ? undefined
    : (answer: unknown) => request(given, { answer: JSON.stringify(answer) });
}

function withDriverConfig(driverConfig: SandboxRecord['spec']['template']['driverConfig']) {
  const { spec } = sandbox('a');
  const environment = driverConfig === undefined ? {} : spec.environment;
  return { ...spec, environment, template: { ...spec.template, driverConfig } };
}

/** None, some, and of a size at every edge of how a row is laid out. */
const secret = fc.constantFrom(
  undefined,
  ...[0, 1, 3560, 3580, 3600, 7650, 7700, 40_000].map((size) => ({
    podman: { secrets: [{ value: 's'.repeat(size), path: '/run/s' }], read_only_root: true },
  })),
);

const insertSandbox = fc
  .record({ id, name, workspace: space, driver, createdAtMs: atMs, labels, message: fc.string(), requestId })
  .chain((more) => secret.map((driverConfig) => ({ ...more, spec: withDriverConfig(driverConfig) })))
  .map(({ id, requestId, ...more }) =>
    call(
      'insertSandbox',
      (store) => store.insertSandbox(sandbox(id, more), remember(requestId)),
      id,
      more,
      requestId,
    ),
  );

const insertTemplate = fc
  .record({ id, name, workspace: space, createdAtMs: atMs, labels, requestId })
  .map(({ id, requestId, ...more }) =>
    call(
      'insertTemplate',
      (store) =>
        store.insertTemplate(template(`${more.workspace}-${id}-${more.name}`, more), remember(requestId)),
      id,
      more,
      requestId,
    ),
  );

const updateSandbox = fc
  .tuple(
    id,
    version,
    fc.record({ phase, exitCode: fc.option(fc.nat(255), { nil: undefined }), message: fc.string() }),
  )
  .map(([id, seen, change]) =>
    call('updateSandbox', (store) => store.updateSandbox(id, seen, change), id, seen, change),
  );

const listSandboxes = fc
  .record({
    workspace: fc.option(space, { nil: undefined }),
    driver: fc.option(driver, { nil: undefined }),
    selector,
    page,
    withoutSecrets: fc.boolean(),
  })
  .map((query) => call('listSandboxes', (store) => store.listSandboxes(query), query));

const insertWorkspace = fc
  .record({ name: space, createdAtMs: atMs, labels })
  .map(({ name, ...more }) =>
    call('insertWorkspace', (store) => store.insertWorkspace(workspace(name, more)), name, more),
  );

export const anyCall: fc.Arbitrary<Call> = fc.oneof(
  { arbitrary: insertSandbox, weight: 4 },
  { arbitrary: updateSandbox, weight: 4 },
  { arbitrary: listSandboxes, weight: 3 },
  { arbitrary: insertWorkspace, weight: 3 },
  { arbitrary: insertTemplate, weight: 3 },
  fc
    .tuple(space, name)
    .map(([at, name]) => call('findTemplate', (store) => store.findTemplate(at, name), at, name)),
  fc
    .record({
      workspace: fc.option(space, { nil: undefined }),
      selector,
      page,
      withoutSecrets: fc.boolean(),
    })
    .map((query) => call('listTemplates', (store) => store.listTemplates(query), query)),
  fc
    .tuple(space, name, requestId)
    .map(([at, name, id]) =>
      call('removeTemplate', (store) => store.removeTemplate(at, name, remember(id)), at, name, id),
    ),
  requestId.map((id) => call('getRequest', (store) => store.getRequest('me', id ?? 'r'), id)),
  fc
    .tuple(fc.constantFrom('r', 's'), atMs)
    .map(([id, createdAtMs]) =>
      call('putRequest', (store) => store.putRequest(request(id, { createdAtMs })), id, createdAtMs),
    ),
  atMs.map((at) => call('pruneRequests', (store) => store.pruneRequests(at), at)),
  id.map((id) => call('getSandbox', (store) => store.getSandbox(id), id)),
  fc
    .tuple(space, name)
    .map(([at, name]) => call('findSandbox', (store) => store.findSandbox(at, name), at, name)),
  fc.constant(call('countSandboxes', (store) => store.countSandboxes())),
  fc.tuple(id, atMs).map(([id, at]) => call('removeSandbox', (store) => store.removeSandbox(id, at), id, at)),
  space.map((name) => call('findWorkspace', (store) => store.findWorkspace(name), name)),
  fc
    .record({ selector, page })
    .map((query) => call('listWorkspaces', (store) => store.listWorkspaces(query), query)),
  fc
    .tuple(space, version)
    .map(([name, seen]) =>
      call(
        'updateWorkspace',
        (store) => store.updateWorkspace(`workspace-${name}`, seen, { phase: 'terminating' }),
        name,
        seen,
      ),
    ),
  space.map((name) => call('removeWorkspace', (store) => store.removeWorkspace(name), name)),
  id.map((id) => call('getTombstone', (store) => store.getTombstone(id), id)),
  atMs.map((at) => call('pruneTombstones', (store) => store.pruneTombstones(at), at)),
  fc
    .tuple(name, fc.string())
    .map(([key, value]) => call('setMeta', (store) => store.setMeta(key, value), key, value)),
  name.map((key) => call('getMeta', (store) => store.getMeta(key), key)),
);
