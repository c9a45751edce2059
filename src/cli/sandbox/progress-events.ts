import { PROGRESS } from '../../compute/driver.js';
import type { PlatformEvent } from '../../wire/v00/index.js';
import type { Progress } from '../terminal/progress.js';

/** For steps that end without a label of their own. */
const STEP_LABELS: Readonly<Record<string, string>> = {
  requesting_sandbox: 'Requesting the sandbox',
  pulling_image: 'Pulling the image',
  starting_sandbox: 'Starting the sandbox',
};

/** Only events with progress show that the sandbox is still being created. */
export function isProgress({ metadata }: PlatformEvent): boolean {
  return Object.keys(metadata).some((key) => key.startsWith('openshell.progress.'));
}

/** Shows each event once: a reopened watch starts with events that were already seen. */
export function createEventDisplay(progress: Progress): (event: PlatformEvent) => void {
  const seen = new Set<string>();
  return (event) => {
    const key = `${event.timestampMs} ${event.reason} ${event.message}`;
    if (seen.has(key)) {
      return;
    }
    seen.add(key);
    const { metadata } = event;
    const done = metadata[PROGRESS.completeLabel] || label(metadata[PROGRESS.completeStep]);
    if (done) {
      progress.done(done);
    }
    const step = label(metadata[PROGRESS.activeStep]);
    const detail = metadata[PROGRESS.activeDetail] ?? '';
    if (step || detail) {
      progress.active(step, detail);
    }
    if (event.type === 'Warning') {
      progress.warning(event.message || event.reason);
    }
  };
}

function label(step: string | undefined): string {
  return step === undefined ? '' : (STEP_LABELS[step] ?? step.replaceAll('_', ' '));
}
