import { deadline, delay } from '../../../../kit/deadline.js';
import type { Qmp } from './qmp.js';

const RETRY_MS = 1_000;
const ANSWER_MS = 10_000;

/**
 * QEMU stops a machine whose write finds no room on the host, and keeps the write. Lets it try again each second until
 * there is room; also a machine that is found so. `tell` hears that it waits, and then that it goes on.
 */
export function outlastFullDisk(qmp: Qmp, tell: (waits: boolean) => void): void {
  const ended = new AbortController();
  void qmp.closed.then(() => ended.abort());
  let following = false;
  let look = false;

  async function isStopped(): Promise<boolean> {
    const answer = (await qmp.run('query-status', {}, deadline(ANSWER_MS))) as { status?: string };
    return answer.status === 'io-error';
  }

  async function follow(): Promise<void> {
    let waits = false;
    while (look) {
      look = false;
      if (!(await isStopped())) {
        continue;
      }
      if (!waits) {
        tell(true);
      }
      waits = look = true;
      await qmp.run('cont', {}, deadline(ANSWER_MS));
      // A write that finds no room again stops it at once.
      await delay(RETRY_MS, ended.signal);
    }
    if (waits) {
      tell(false);
    }
  }

  function begin(): void {
    look = true;
    if (following) {
      return;
    }
    following = true;
    void follow()
      .catch(() => {})
      .finally(() => {
        following = false;
      });
  }

  qmp.onEvent(({ name, data }) => {
    if (name === 'BLOCK_IO_ERROR' && data.action === 'stop') {
      begin();
    }
  });
  begin();
}
