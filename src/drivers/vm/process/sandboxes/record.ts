import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, OpenShellError } from '../../../../compute/errors.js';
import type { DriverSandbox } from '../../../../compute/sandbox.js';
import type { ImageConfig } from '../images/layout.js';

/** How the last run of the main process ended. */
export type Ending =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly detail: string; readonly at: string }
  /** The machine is gone, and there is no exit code. */
  | { readonly kind: 'stopped'; readonly at: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string; readonly at: string };

/** One run of the machine. */
export interface Run {
  readonly instanceId: string;
  /** Undefined while QEMU has not been started. */
  readonly pid: number | undefined;
  /** The tap device of its network card, if any. */
  readonly tap?: string | undefined;
  /** When the main process was started, RFC 3339; empty before. */
  readonly runningSince: string;
}

/** Everything that a new driver process has to know about a sandbox; stored beside its disk. */
export interface SandboxRecord {
  readonly sandbox: DriverSandbox;
  /** The owner labels and those of spec.template. */
  readonly labels: Readonly<Record<string, string>>;
  readonly intent: 'run' | 'stop' | 'delete';
  /** Known once the disk exists. */
  readonly image: ImageConfig | undefined;
  /** The user that QEMU runs as, when the driver is root. */
  readonly uid: number;
  readonly run: Run | undefined;
  readonly ending: Ending | undefined;
  /** Starts in a row in which the driver process ended, for any reason, including the current one. */
  readonly unfinishedStarts?: number | undefined;
}

const FILE = 'sandbox.json';

export function newRun(): Run {
  return { instanceId: randomUUID(), pid: undefined, runningSince: '' };
}

/** Undefined when there is no complete record: the create was interrupted. */
export async function readRecord(directory: string): Promise<SandboxRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, FILE), 'utf8')) as SandboxRecord;
  } catch {
    return undefined;
  }
}

async function replace(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** Replaces the record atomically and durably. RESOURCE_EXHAUSTED when the disk is full. */
export async function writeRecord(directory: string, record: SandboxRecord): Promise<void> {
  try {
    await replace(join(directory, FILE), JSON.stringify(record));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') {
      throw cause;
    }
    throw new OpenShellError(Code.RESOURCE_EXHAUSTED, `the disk of ${directory} is full`, {
      cause,
      reason: 'HostDiskFull',
      hint: 'free some space, e.g. by deleting sandboxes',
    });
  }
}
