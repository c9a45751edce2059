import type { Logger } from '../../compute/log.js';
import type { Target } from './authorizer.js';
import type { Caller } from './principal.js';

/** A call that was to change something, when it is over. */
export interface Change {
  readonly caller: Caller;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** gRPC's; 0: done. */
  readonly code: number;
  /** What the caller was granted. */
  readonly targets: readonly Target[];
}

/** The one place that records who changed what: a line of the log. */
export function createChangeLog(log: Logger): (change: Change) => void {
  return ({ caller: { principal, requestId }, method, code, targets }) => {
    const name = method.slice(method.lastIndexOf('/') + 1);
    log.info(`${name} by ${principal.subject}`, {
      method: name,
      code,
      subject: principal.subject,
      provider: principal.kind === 'nobody' ? '' : principal.provider,
      request_id: requestId,
      targets: targets.map(targetText).join(' '),
    });
  };
}

function targetText({ workspace = '', sandboxId }: Target): string {
  return sandboxId === undefined ? workspace : `${workspace}/${sandboxId}`;
}
