import { randomUUID } from 'node:crypto';
import { invalidArgument, notFound, type OpenShellError } from '../../compute/errors.js';
import { parseCpuNanos, parseMemoryBytes } from '../../compute/quantity.js';
import type { StoredSandboxSpec, TemplateRecord } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import type { Authorizer } from '../auth/authorizer.js';
import type { Caller } from '../auth/principal.js';
import {
  checkAnnotations,
  checkDriverConfig,
  checkEnvironment,
  checkGiven,
  checkImage,
  checkLabels,
  checkName,
  checkStoredSize,
  parseSelector,
} from './limits.js';
import type { Listing, PageRequest, Pages } from './pages.js';
import type { WorkspaceService } from './workspaces.js';

export type CreateTemplateInput = Omit<
  TemplateRecord,
  'id' | 'createdAtMs' | 'deletionAtMs' | 'resourceVersion'
>;

export interface TemplateService {
  create(
    caller: Caller,
    input: CreateTemplateInput,
    remember?: Remember<TemplateRecord>,
  ): Promise<TemplateRecord>;
  get(caller: Caller, workspace: string, name: string): Promise<TemplateRecord>;
  /** `workspace` undefined: all. Without environments and drivers' secrets. */
  list(
    caller: Caller,
    workspace: string | undefined,
    labelSelector: string,
    page: PageRequest,
  ): Promise<Listing<TemplateRecord>>;
  /** False when there was none. */
  delete(caller: Caller, workspace: string, name: string, remember?: Remember<boolean>): Promise<boolean>;
}

export function templateNotFound(workspace: string, name: string): OpenShellError {
  return notFound(`sandbox template '${name}' not found in workspace '${workspace}'`, {
    reason: 'TemplateNotFound',
  });
}

const WORKLOAD = 'template.spec.workload';

export function createTemplateService(options: {
  store: Store;
  authorizer: Authorizer;
  workspaces: WorkspaceService;
  pages: Pages;
  now: () => number;
}): TemplateService {
  const { store, authorizer, workspaces, pages, now } = options;
  return {
    async create(caller, input, remember) {
      check(input);
      const workspace = await workspaces.resolveActive(caller, input.workspace);
      const meta = { id: randomUUID(), createdAtMs: now(), deletionAtMs: 0 };
      return store.insertTemplate({ ...input, ...meta, workspace }, remember);
    },
    async get(caller, workspace, name) {
      checkGiven(name, 'name');
      await authorizer.require(caller, { workspace });
      const found = await store.findTemplate(workspace, name);
      if (found !== undefined) {
        return found;
      }
      throw templateNotFound(workspace, name);
    },
    async list(caller, workspace, labelSelector, page) {
      if (workspace === undefined) {
        await authorizer.require(caller, { workspace });
      }
      const selector = parseSelector(labelSelector);
      const within = workspace === undefined ? undefined : (await workspaces.get(caller, workspace)).name;
      const query = { workspace: within, selector };
      return pages.read({ kind: 'templates', ...query }, page, (at) =>
        store.listTemplates({ ...query, withoutSecrets: true, page: at }),
      );
    },
    async delete(caller, workspace, name, remember) {
      checkGiven(name, 'name');
      await authorizer.require(caller, { workspace });
      return store.removeTemplate(workspace, name, remember);
    },
  };
}

function check(input: CreateTemplateInput): void {
  checkName(input.name, 'template.metadata.name');
  checkLabels(input.labels, 'template.metadata.labels');
  checkAnnotations(input.annotations, 'template.metadata.annotations');
  checkImage(input.image, `${WORKLOAD}.image`);
  checkEnvironment(input.environment, `${WORKLOAD}.environment`);
  checkDriverConfig(input.driverConfig, 'template.spec.driver_config');
  if (input.cpu !== '') {
    parseCpuNanos(input.cpu, `${WORKLOAD}.resources.cpu`);
  }
  if (input.memory !== '') {
    parseMemoryBytes(input.memory, `${WORKLOAD}.resources.memory`);
  }
  if (input.gpu?.count === 0) {
    const field = `${WORKLOAD}.resources.gpu.count`;
    throw invalidArgument(`${field} is 0; leave the GPU out, or request at least one`, { field });
  }
  checkStoredSize('template', {
    'template.metadata.labels': input.labels,
    'template.metadata.annotations': input.annotations,
    [`${WORKLOAD}.environment`]: input.environment,
    'template.spec.driver_config': input.driverConfig,
  });
}

/**
 * The spec of a sandbox that is created from a template. The sandbox's own variables and GPU request override those of
 * the template. INVALID_ARGUMENT when the sandbox also sets a workload.
 */
export function withTemplate(spec: StoredSandboxSpec, template: TemplateRecord): StoredSandboxSpec {
  const { image, resources, driverConfig } = spec.template;
  if (image !== '' || resources !== undefined || driverConfig !== undefined) {
    throw invalidArgument(
      'spec.template sets an image, resources or driver_config, which workload_template sets already',
      { field: 'spec.template', hint: 'leave them out, or leave workload_template out' },
    );
  }
  const limits = {
    ...(template.cpu === '' ? {} : { cpu: template.cpu }),
    ...(template.memory === '' ? {} : { memory: template.memory }),
  };
  return {
    ...spec,
    environment: { ...template.environment, ...spec.environment },
    template: {
      ...spec.template,
      image: template.image,
      resources: Object.keys(limits).length === 0 ? undefined : { limits },
      driverConfig: template.driverConfig,
    },
    gpu: spec.gpu ?? template.gpu,
  };
}
