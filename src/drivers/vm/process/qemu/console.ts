import { writeFile } from 'node:fs/promises';
import { deadline } from '../../../../kit/deadline.js';
import { CONSOLE_BYTES, CONSOLE_CHARDEV } from './arguments.js';
import type { Qmp } from './qmp.js';

const ANSWER_MS = 1_000;

/** As plain text, at most 64 KiB; empty when QEMU does not answer. */
async function readConsole(qmp: Qmp): Promise<string> {
  const asked = { device: CONSOLE_CHARDEV, size: CONSOLE_BYTES };
  const text = await qmp.run('ringbuf-read', asked, deadline(ANSWER_MS)).catch(() => '');
  return String(text)
    .replace(/[^\x20-\x7e\n]/g, '')
    .trim();
}

/**
 * Reads what the guest's console said into `path`, in the place of an earlier run's, and gives it. QEMU's memory is all
 * that holds it before: a guest could fill a file. A full disk costs the file.
 */
export async function keepConsole(qmp: Qmp, path: string): Promise<string> {
  const text = await readConsole(qmp);
  if (text !== '') {
    await writeFile(path, `${text}\n`, { mode: 0o600 }).catch(() => {});
  }
  return text;
}
