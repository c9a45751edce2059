import { setTimeout as sleep } from 'node:timers/promises';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import type { DriverEntry } from '../../dist/compute/entry.js';
import { unavailable } from '../../dist/compute/errors.js';

export const FAULTS = ['hang before', 'hang after', 'cut', 'slow'] as const;
export type Fault = (typeof FAULTS)[number];
export type FaultyCall = 'create' | 'get' | 'stop' | 'start' | 'delete';

/** Faults to come, by the name of the sandbox that they hit. */
export type Faults = Map<string, { readonly call: FaultyCall; readonly fault: Fault; left: number }[]>;

function until(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** A driver whose engine does not answer as it should, where `faults` says so. */
export function withFaults(entry: DriverEntry, faults: Faults): DriverEntry {
  return {
    ...entry,
    load: async () => {
      const module = await entry.load();
      return {
        createDriver: async (context) => {
          const driver = await module.createDriver(context);
          const faulty = <T>(
            call: FaultyCall,
            ref: { name: string },
            signal: AbortSignal,
            run: () => Promise<T>,
          ): Promise<T> => {
            const due = faults.get(ref.name)?.find((one) => one.call === call && one.left > 0);
            if (due === undefined) {
              return run();
            }
            due.left--;
            switch (due.fault) {
              case 'hang before':
                return until(signal);
              case 'hang after':
                return run().then(() => until(signal));
              case 'cut':
                return run().then(() => {
                  throw unavailable('socket hang up', { reason: 'EngineUnavailable' });
                });
              case 'slow':
                return sleep(100).then(run);
            }
          };
          const made: ComputeDriver = {
            ...driver,
            create: (sandbox, options) =>
              faulty('create', sandbox, options.signal, () => driver.create(sandbox, options)),
            get: (ref, options) => faulty('get', ref, options.signal, () => driver.get(ref, options)),
            stop: (ref, options) => faulty('stop', ref, options.signal, () => driver.stop(ref, options)),
            start: (ref, options) => faulty('start', ref, options.signal, () => driver.start(ref, options)),
            delete: (ref, options) =>
              faulty('delete', ref, options.signal, () => driver.delete(ref, options)),
          };
          return made;
        },
      };
    },
  };
}
