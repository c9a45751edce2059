import { LABEL } from '../../dist/compute/labels.js';
import type {
  ContainerEngine,
  ContainerInfo,
  ContainerPlan,
  EngineEvent,
  ImageInfo,
} from '../../dist/drivers/container/engine.js';

const YEAR_ONE = '0001-01-01T00:00:00Z';

/** A container of sandbox `s-<id>`, running unless `state` says otherwise. */
export function container(id: string, state: Partial<ContainerInfo['State']> = {}): ContainerInfo {
  return {
    Id: id,
    Name: `/openshell-${id}`,
    Config: {
      Tty: false,
      Labels: {
        [LABEL.sandboxId]: `s-${id}`,
        [LABEL.sandboxName]: id,
        [LABEL.sandboxWorkspace]: 'default',
      },
    },
    State: {
      ...{ Status: 'running', Pid: 0, OOMKilled: false, ExitCode: 0, Error: '' },
      ...{ StartedAt: YEAR_ONE, FinishedAt: YEAR_ONE },
      ...state,
    },
  };
}

/** An engine in memory, as far as a watch needs one. */
export interface FakeEngine {
  readonly engine: ContainerEngine<ContainerPlan, ImageInfo>;
  readonly containers: Map<string, ContainerInfo>;
  /** Makes or changes a container, without an event. */
  set(id: string, state: Partial<ContainerInfo['State']>): void;
  /** Into the open stream of events. */
  emit(id: string, type?: EngineEvent['type']): void;
  /** How often a container has been inspected. */
  readonly looks: () => number;
  /** The engine's own error in place of an event, which ends the stream. */
  failStream(): void;
  /** The connection is lost. */
  breakConnection(): void;
  /** How many streams have been opened. */
  readonly streams: () => number;
}

export function fakeEngine(): FakeEngine {
  const containers = new Map<string, ContainerInfo>();
  let queue: (EngineEvent | undefined | 'broken')[] = [];
  let wake = () => {};
  let streams = 0;
  let looks = 0;
  function push(item: (typeof queue)[number]) {
    queue.push(item);
    wake();
  }

  async function* stream(signal: AbortSignal): AsyncGenerator<EngineEvent | undefined> {
    for (;;) {
      if (queue.length > 0) {
        const item = queue.shift();
        if (item === 'broken') {
          throw new Error('ECONNRESET');
        }
        yield item;
        continue;
      }
      await new Promise<void>((resolve, reject) => {
        wake = resolve;
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      });
    }
  }

  const engine = {
    title: 'Podman',
    stateOf: ({ State }: ContainerInfo) => State.Status,
    events: async ({ signal }: { signal: AbortSignal }) => {
      streams += 1;
      queue = [];
      return stream(signal);
    },
    list: async () =>
      [...containers.keys()].map((Id) => ({ Id, sandboxId: `s-${Id}`, state: 'never the last one seen' })),
    inspect: async (id: string) => {
      looks += 1;
      return containers.get(id);
    },
  } as unknown as FakeEngine['engine'];

  return {
    engine,
    containers,
    streams: () => streams,
    set: (id, state) => void containers.set(id, container(id, { ...containers.get(id)?.State, ...state })),
    looks: () => looks,
    emit: (containerId, type = 'look') => push({ type, containerId, sandboxId: `s-${containerId}` }),
    failStream: () => push(undefined),
    breakConnection: () => push('broken'),
  };
}
