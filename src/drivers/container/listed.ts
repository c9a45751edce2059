import type { ObservedSandbox } from '../../compute/sandbox.js';
import { mapLimited } from './map-limited.js';

/** What the sandboxes' containers showed at the last look, so that a list need not look at each of them again. */
interface Listed<Summary, Container> {
  /** Every look at a container that the driver takes. Undefined: it is no sandbox's. */
  see(container: Container): ObservedSandbox | undefined;
  /** The sandboxes of a complete list. A container is looked at only when its listed state is not the last one seen. */
  all(
    summaries: readonly Summary[],
    inspect: (containerId: string) => Promise<Container | undefined>,
  ): Promise<ObservedSandbox[]>;
}

interface ListedOptions<Summary, Container> {
  /** Looks at a time. */
  readonly limit: number;
  /** All that a list shows of the state, and the same of an inspected container. */
  readonly listedState: (summary: Summary) => string;
  readonly seenState: (container: Container) => string;
  readonly observe: (container: Container) => ObservedSandbox | undefined;
}

export function createListed<
  Summary extends { readonly Id: string },
  Container extends { readonly Id: string },
>(options: ListedOptions<Summary, Container>): Listed<Summary, Container> {
  const { limit, listedState, seenState, observe } = options;
  const last = new Map<string, { readonly state: string; readonly sandbox: ObservedSandbox }>();

  function see(container: Container): ObservedSandbox | undefined {
    const sandbox = observe(container);
    if (sandbox !== undefined) {
      last.set(container.Id, { state: seenState(container), sandbox });
    }
    return sandbox;
  }

  return {
    see,
    async all(summaries, inspect) {
      const present = new Set(summaries.map(({ Id }) => Id));
      for (const id of last.keys()) {
        if (!present.has(id)) {
          last.delete(id);
        }
      }
      const sandboxes = await mapLimited(summaries, limit, async (summary) => {
        const known = last.get(summary.Id);
        if (known !== undefined && known.state === listedState(summary)) {
          return known.sandbox;
        }
        const container = await inspect(summary.Id);
        return container && see(container);
      });
      return sandboxes.filter((sandbox) => sandbox !== undefined);
    },
  };
}
