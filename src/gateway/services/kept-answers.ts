import type { ObjectMeta, SandboxRecord, TemplateRecord, WorkspaceRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';

/** How an answer is stored for a repeated request, and restored from that. */
export interface Kept<T> {
  keep(answer: T): unknown;
  restore(kept: unknown, store: Store): Promise<T>;
}

/** Fields that never change, and are therefore read from the row. */
type Unchanging = 'labels' | 'annotations';

const WITHOUT_ROW: Pick<ObjectMeta, Unchanging> = { labels: {}, annotations: {} };

/**
 * An answer is stored without the user's content, which is in the row. When the object was deleted meanwhile, the
 * repeated answer has the same identity and state, and no content.
 */
export const KEPT_SANDBOX: Kept<SandboxRecord> = {
  keep: ({ spec, labels, annotations, ...state }) => state,
  async restore(kept, store) {
    const state = kept as Omit<SandboxRecord, Unchanging | 'spec'>;
    const row = await store.getSandbox(state.id);
    if (row === undefined) {
      return { ...WITHOUT_ROW, spec: NO_SPEC, ...state };
    }
    // Not `...row`: a field that was undefined then is missing in `state` and may be set in the row now.
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

/** A small answer, stored as it is. */
export function asIs<T>(): Kept<T> {
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
