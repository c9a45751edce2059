import { writeFile } from 'node:fs/promises';
import { deadline } from '../../../../kit/deadline.js';
import { CONSOLE_BYTES, CONSOLE_CHARDEV } from './arguments.js';
import type { Qmp } from './qmp.js';

const ANSWER_MS = 1_000;

/**
 * The guest's console output as plain text, at most 64 KiB; empty when QEMU does not answer. Also replaces `path` with
 * it, unless the disk is full. Until then only QEMU's memory holds it: a guest could fill a file.
 */
export async function saveConsole(qmp: Qmp, path: string): Promise<string> {
  const request = { device: CONSOLE_CHARDEV, size: CONSOLE_BYTES };
  const output = await qmp.run('ringbuf-read', request, deadline(ANSWER_MS)).catch(() => '');
  const text = String(output)
    .replace(/[^\x20-\x7e\n]/g, '')
    .trim();
  if (text !== '') {
    await writeFile(path, `${text}\n`, { mode: 0o600 }).catch(() => {});
  }
  return text;
}
