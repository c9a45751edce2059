import { OpenShellError } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';
import { cutText } from '../kit/text.js';

/** The exit code after an uncaught error. Its meaning never changes. */
const UNCAUGHT = 10;

const MESSAGE_BYTES = 1024;
const FRAMES = 12;

/**
 * Logs an uncaught error or rejection as one line and ends the process, whose state is not known anymore. The next
 * start continues from the store.
 */
export function exitOnUncaught(log: Logger): void {
  function onUncaught(thrown: unknown) {
    try {
      log.error('uncaught error, exiting; please report it', {
        reason: 'Uncaught',
        exit_code: UNCAUGHT,
        error: cutText(OpenShellError.from(thrown).message, MESSAGE_BYTES),
        stack: thrown instanceof Error ? frames(thrown) : '',
      });
    } finally {
      process.exit(UNCAUGHT);
    }
  }

  // Node.js also emits this event for unhandled rejections.
  process.on('uncaughtException', onUncaught);
}

/** The places in the stack, without the message, which may be long. */
function frames({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, FRAMES)
    .map((line) => line.trim())
    .join(' ');
}
