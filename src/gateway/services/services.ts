import type { DriverCapabilities } from '../../compute/driver.js';
import type { ManagedDriver } from '../drivers/managed.js';
import type { ExecService } from './exec.js';
import type { LogService } from './logs.js';
import type { RequestService } from './requests.js';
import type { SandboxService } from './sandboxes.js';
import type { TemplateService } from './templates.js';
import type { WatchService } from './watch.js';
import type { WorkspaceService } from './workspaces.js';

interface InfoService {
  /** The gateway's. */
  readonly version: string;
  /** The default one first. */
  readyDrivers(signal: AbortSignal): Promise<{ name: string; capabilities: DriverCapabilities }[]>;
}

/** The use cases, which know no generation of the public API; api/ maps both onto them. */
export interface Services {
  readonly sandboxes: SandboxService;
  readonly templates: TemplateService;
  readonly workspaces: WorkspaceService;
  readonly exec: ExecService;
  readonly logs: LogService;
  readonly watch: WatchService;
  readonly info: InfoService;
  readonly requests: RequestService;
}

export function createInfoService(options: {
  version: string;
  drivers: ReadonlyMap<string, ManagedDriver>;
}): InfoService {
  return {
    version: options.version,
    async readyDrivers(signal) {
      const ready = [...options.drivers.values()].filter((driver) => driver.state === 'ready');
      const known = await Promise.all(
        ready.map(async (driver) => {
          try {
            return { name: driver.name, capabilities: await driver.capabilities(signal) };
          } catch {
            signal.throwIfAborted();
            return undefined;
          }
        }),
      );
      return known.filter((driver) => driver !== undefined);
    },
  };
}
