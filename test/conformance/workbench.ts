import { randomUUID } from 'node:crypto';
import { after, type TestContext, test } from 'node:test';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { aSandbox, type SpecChange } from '../support/sandboxes.js';
import type { Bed, Capability } from './bed.js';
import { type WatchLog, watchLog } from './watch-log.js';

/** What a test of the suite works with. All that it makes is removed after it, also when it fails. */
export interface Desk {
  readonly gatewayId: string;
  readonly driver: ComputeDriver;
  /** Synced. */
  readonly watch: WatchLog;
  readonly signal: AbortSignal;
  /** Creates it and waits until the watch shows it running. */
  running(change?: SpecChange, image?: string): Promise<DriverSandbox>;
  /** One more driver, of this gateway or of another. Closed after the test. */
  anotherDriver(gatewayId?: string): Promise<ComputeDriver>;
  /** A second gateway's id; what it makes is removed as well. */
  otherGatewayId(): string;
}

export interface Workbench {
  readonly bed: Bed;
  /** Declares a test that is skipped when the bed lacks one of `needs`. */
  check(title: string, body: CheckBody): void;
  check(title: string, options: CheckOptions, body: CheckBody): void;
}

export type CheckBody = (desk: Desk, t: TestContext) => Promise<void>;

export interface CheckOptions {
  readonly needs?: readonly Capability[];
  /** Of the driver. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export function createWorkbench(bed: Bed): Workbench {
  const patienceMs = bed.patienceMs ?? 30_000;
  const gatewayIds: string[] = [];
  const newGatewayId = () => {
    const id = randomUUID();
    gatewayIds.push(id);
    return id;
  };
  // A last sweep, for what a test's own cleanup could not remove.
  after(async () => {
    for (const id of gatewayIds) {
      await bed.cleanup(id);
    }
  });

  return {
    bed,
    check(title: string, first: CheckBody | CheckOptions, second?: CheckBody) {
      const body = (typeof first === 'function' ? first : second) as CheckBody;
      const { needs = [], settings = {} } = typeof first === 'function' ? {} : first;
      const lacking = needs.map((need) => bed.lacks[need]).find((reason) => reason !== undefined);
      test(title, { skip: lacking ?? false, timeout: patienceMs * 4 }, async (t) => {
        const gatewayId = newGatewayId();
        const driver = await bed.createDriver(gatewayId, settings);
        const watch = watchLog(driver, patienceMs);
        const drivers = [driver];
        const ids = [gatewayId];
        try {
          await watch.synced();
          await body(
            {
              gatewayId,
              driver,
              watch,
              signal: t.signal,
              async running(change = {}, image = bed.images.shell) {
                const sandbox = aSandbox(image, change);
                await driver.create(sandbox, { signal: t.signal });
                await watch.sees(sandbox.id, 'running');
                return sandbox;
              },
              async anotherDriver(id = gatewayId) {
                const another = await bed.createDriver(id, settings);
                drivers.push(another);
                return another;
              },
              otherGatewayId() {
                const id = newGatewayId();
                ids.push(id);
                return id;
              },
            },
            t,
          );
          await watch.stop();
        } finally {
          await watch.stop().catch(() => {});
          for (const one of drivers) {
            await one.close();
          }
          for (const id of ids) {
            await bed.cleanup(id);
          }
        }
      });
    },
  };
}
