import { type PlatformEvent, PROGRESS } from '../../compute/driver.js';
import type { CoreEvent } from './objects.js';

/** Kubernetes' events for a Pod as the progress steps that a user sees. */
const STEPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Scheduled: {
    [PROGRESS.completeStep]: 'requesting_sandbox',
    [PROGRESS.completeLabel]: 'Assigned to a node',
    [PROGRESS.activeStep]: 'pulling_image',
  },
  Pulling: { [PROGRESS.activeStep]: 'pulling_image' },
  Pulled: {
    [PROGRESS.completeStep]: 'pulling_image',
    [PROGRESS.completeLabel]: 'Image on the node',
    [PROGRESS.activeStep]: 'starting_sandbox',
  },
  Started: { [PROGRESS.completeStep]: 'starting_sandbox', [PROGRESS.completeLabel]: 'Started' },
};

export function toPlatformEvent(event: CoreEvent): PlatformEvent {
  const reason = event.reason ?? '';
  const message = event.message ?? '';
  const active = STEPS[reason]?.[PROGRESS.activeStep];
  return {
    timestampMs: eventTimeMs(event),
    source: 'kubernetes',
    type: event.type === 'Warning' ? 'Warning' : 'Normal',
    reason,
    message,
    metadata: { ...STEPS[reason], ...(active && { [PROGRESS.activeDetail]: message }) },
  };
}

function eventTimeMs(event: CoreEvent): number {
  const { lastTimestamp, eventTime, firstTimestamp, metadata } = event;
  return Date.parse(lastTimestamp ?? eventTime ?? firstTimestamp ?? metadata.creationTimestamp ?? '') || 0;
}
