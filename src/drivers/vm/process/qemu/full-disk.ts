import { deadline, delay } from '../../../../kit/deadline.js';
import type { Qmp } from './qmp.js';

const RETRY_MS = 1_000;
const ANSWER_MS = 10_000;

/**
 * QEMU pauses a machine whose write fails because the host's disk is full, and keeps the write. Retries it each second
 * until there is space, also for a machine that is already paused. `report` is called when it starts waiting, and when
 * it continues.
 */
export function outlastFullDisk(qmp: Qmp, report: (isWaiting: boolean) => void): void {
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
        report(true);
      }
      waits = look = true;
      await qmp.run('cont', {}, deadline(ANSWER_MS));
      // Another failed write pauses it again at once.
      await delay(RETRY_MS, ended.signal);
    }
    if (waits) {
      report(false);
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
