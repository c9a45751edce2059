import { type PlatformEvent, PROGRESS } from '../../compute/driver.js';

/** Where progress goes; the time and the source are filled in there. */
export type Report = (event: Omit<PlatformEvent, 'timestampMs' | 'source'>) => void;

type Step = 'requesting_sandbox' | 'pulling_image' | 'starting_sandbox';

/** An event that changes no state: a step in progress, or with `done` a finished one. */
export function progress(
  reason: string,
  message: string,
  step: Step,
  { done, detail = '' }: { done?: string; detail?: string } = {},
): Parameters<Report>[0] {
  return {
    type: 'Normal',
    reason,
    message,
    metadata:
      done === undefined
        ? { [PROGRESS.activeStep]: step, [PROGRESS.activeDetail]: detail }
        : { [PROGRESS.completeStep]: step, [PROGRESS.completeLabel]: done },
  };
}
