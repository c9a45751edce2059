import { LABEL } from '../../dist/compute/labels.js';
import type { PodmanClient } from '../../dist/drivers/podman/api/client.js';
import type { Container, EngineEvent } from '../../dist/drivers/podman/api/types.js';
import { GATEWAY_ID } from './plan.js';

/** An engine in memory, as far as a watch needs one. */
export interface FakeEngine {
  readonly client: PodmanClient;
  readonly containers: Map<string, Container>;
  /** Makes or changes a container; tells nobody. */
  set(id: string, state: Partial<Container['State']>): Container;
  /** Into the open stream of events. */
  emit(id: string, action?: string): void;
  /** How often a container has been inspected. */
  readonly looks: () => number;
  /** The engine's own error in place of an event, which ends the stream. */
  failStream(): void;
  /** The connection is lost. */
  breakConnection(): void;
  /** How many streams have been opened. */
  readonly streams: () => number;
}

const YEAR_ONE = '0001-01-01T00:00:00Z';

export function fakeEngine(): FakeEngine {
  const containers = new Map<string, Container>();
  let queue: (EngineEvent | 'broken')[] = [];
  let wake = () => {};
  let streams = 0;
  let looks = 0;
  const push = (item: EngineEvent | 'broken') => {
    queue.push(item);
    wake();
  };

  async function* stream(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    for (;;) {
      const item = queue.shift();
      if (item === 'broken') {
        throw new Error('ECONNRESET');
      }
      if (item !== undefined) {
        yield item;
        continue;
      }
      await new Promise<void>((resolve, reject) => {
        wake = resolve;
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      });
    }
  }

  const client = {
    events: async (_filters: unknown, { signal }: { signal: AbortSignal }) => {
      streams += 1;
      queue = [];
      return stream(signal);
    },
    listContainers: async () =>
      [...containers.values()].map(({ Id, Config }) => ({ Id, Labels: Config.Labels })),
    inspectContainer: async (id: string) => {
      looks += 1;
      return containers.get(id);
    },
  } as unknown as PodmanClient;

  return {
    client,
    containers,
    streams: () => streams,
    set(id, state) {
      const last = containers.get(id);
      const container: Container = {
        Id: id,
        Name: `openshell-${id}`,
        Image: 'i',
        Config: {
          Tty: false,
          Labels: {
            [LABEL.gatewayId]: GATEWAY_ID,
            [LABEL.sandboxId]: `s-${id}`,
            [LABEL.sandboxName]: id,
            [LABEL.sandboxWorkspace]: 'default',
          },
        },
        State: {
          Status: 'running',
          Pid: 0,
          OOMKilled: false,
          ExitCode: 0,
          Error: '',
          StartedAt: YEAR_ONE,
          FinishedAt: YEAR_ONE,
          ...last?.State,
          ...state,
        },
      };
      containers.set(id, container);
      return container;
    },
    looks: () => looks,
    emit: (id, Action = 'died') =>
      push({ Action, Actor: { ID: id, Attributes: { [LABEL.sandboxId]: `s-${id}` } } }),
    failStream: () => push({}),
    breakConnection: () => push('broken'),
  };
}
