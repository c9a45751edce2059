import type { ObjectMeta, SandboxRecord, TemplateRecord, WorkspaceRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';

/** How an answer is kept for a repetition of its request, and made again from that. */
export interface Kept<T> {
  keep(answer: T): unknown;
  restore(kept: unknown, store: Store): Promise<T>;
}

/** What an object's row still has when its request comes again, for it never changes. */
type Unchanging = 'labels' | 'annotations';

const WITHOUT_ROW: Pick<ObjectMeta, Unchanging> = { labels: {}, annotations: {} };

/**
 * An answer is kept without what the user gave: that is in the row. Of an object that is gone the repetition gives the
 * same identity and state, and nothing of its content.
 */
export const KEPT_SANDBOX: Kept<SandboxRecord> = {
  keep: ({ spec, labels, annotations, ...state }) => state,
  async restore(kept, store) {
    const state = kept as Omit<SandboxRecord, Unchanging | 'spec'>;
    const row = await store.getSandbox(state.id);
    if (row === undefined) {
      return { ...WITHOUT_ROW, spec: NO_SPEC, ...state };
    }
    // What was undefined then is not in `state`, and may be something in the row now.
    const { labels, annotations, spec } = row;
    return { labels, annotations, spec, ...state };
  },
};

export const KEPT_TEMPLATE: Kept<TemplateRecord> = {
  keep: ({ environment, driverConfig, labels, annotations, ...rest }) => rest,
  async restore(kept, store) {
    const rest = kept as Omit<TemplateRecord, Unchanging | 'environment' | 'driverConfig'>;
    const row = await store.findTemplate(rest.workspace, rest.name);
    if (row?.id === rest.id) {
      return row;
    }
    return { ...WITHOUT_ROW, environment: {}, driverConfig: undefined, ...rest };
  },
};

export const KEPT_WORKSPACE: Kept<WorkspaceRecord> = {
  keep: ({ labels, annotations, ...rest }) => rest,
  async restore(kept, store) {
    const rest = kept as Omit<WorkspaceRecord, Unchanging>;
    const row = await store.findWorkspace(rest.name);
    const { labels, annotations } = row?.id === rest.id ? row : WITHOUT_ROW;
    return { labels, annotations, ...rest };
  },
};

/** A small answer as it is. */
export function asItIs<T>(): Kept<T> {
  return { keep: (answer) => answer, restore: async (kept) => kept as T };
}

const NO_SPEC: SandboxRecord['spec'] = {
  logLevel: '',
  environment: {},
  template: {
    image: '',
    runtimeClassName: '',
    labels: {},
    annotations: {},
    environment: {},
    resources: undefined,
    userNamespaces: undefined,
    driverConfig: undefined,
  },
  gpu: undefined,
  command: [],
  tty: false,
  restartPolicy: 'never',
};
