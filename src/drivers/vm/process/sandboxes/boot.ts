import { deadline } from '../../../../compute/deadline.js';
import { OpenShellError } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';
import type { GuestFiles } from '../guest/prepare.js';
import type { Templates } from '../templates/templates.js';
import { type LaunchOptions, launchMachine, type Machine } from './machine.js';

export interface BootOptions extends Omit<LaunchOptions, 'stateFd'> {
  readonly guest: GuestFiles;
  /** Puts the guest's files where QEMU looks for them; a restored machine needs none. */
  readonly placeGuest: () => Promise<void>;
  /** Undefined: every machine boots. */
  readonly templates: Templates | undefined;
  /** All that must have worked before the main process may start. */
  readonly prepare: (machine: Machine, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

/** A restored machine answers at once or not at all; what it misses here is left for the boot. */
const MAX_RESTORE_MS = 20_000;

const bringUp = async (
  options: BootOptions,
  stateFd: number | undefined,
  timeoutMs: number,
): Promise<Machine> => {
  const machine = await launchMachine({ ...options, stateFd, bootTimeoutMs: timeoutMs });
  try {
    await options.prepare(machine, deadline(timeoutMs, options.signal));
    return machine;
  } catch (error) {
    await machine.kill();
    throw error;
  }
};

/**
 * A machine that is ready for its main process: restored from a template, or booted where none can serve, with the
 * reason in the log. A failure leaves no process.
 */
export const bootMachine = async (options: BootOptions): Promise<Machine> => {
  const { templates, signal, log } = options;
  const wanted = { shape: options.shape, guest: options.guest };
  const template = await templates?.find(wanted, signal);
  let trouble: string | undefined;
  if (typeof template === 'string') {
    log.info(`the virtual machine boots cold: ${template}`);
  } else if (template !== undefined) {
    try {
      return await bringUp(options, template.fd, Math.min(options.bootTimeoutMs, MAX_RESTORE_MS));
    } catch (error) {
      signal.throwIfAborted();
      trouble = OpenShellError.from(error).text;
      log.warn(`the virtual machine boots cold: it cannot be restored from its template: ${trouble}`);
    } finally {
      await template.close();
    }
  }
  await options.placeGuest();
  const machine = await bringUp(options, undefined, options.bootTimeoutMs);
  // What no boot can mend, such as a broken root disk, is not the template's fault.
  if (trouble !== undefined) await templates?.discard(wanted, trouble);
  templates?.want(wanted);
  return machine;
};
