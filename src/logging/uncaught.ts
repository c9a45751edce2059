import { OpenShellError } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';
import { cutText } from '../kit/text.js';

/** The exit code of a process that an error ended which nothing handles. It never changes its meaning. */
const UNCAUGHT = 10;

const MESSAGE_BYTES = 1024;
const FRAMES = 12;

/**
 * Writes an error that nothing handles, a rejected promise too, as one line of the log, and ends the process: what it
 * left half done is not known, and the next start takes up what the store says.
 */
export function exitOnUncaught(log: Logger): void {
  function onUncaught(thrown: unknown) {
    try {
      log.error('this process ends: an error that nothing handles, please report it', {
        reason: 'Uncaught',
        exit_code: UNCAUGHT,
        ...told(thrown),
      });
    } finally {
      process.exit(UNCAUGHT);
    }
  }

  // Node hands unhandled rejections to it as well.
  process.on('uncaughtException', onUncaught);
}

/** What it says and where it comes from. Its stack begins with the message: only the places are taken from it. */
function told(thrown: unknown) {
  return {
    error: cutText(OpenShellError.from(thrown).message, MESSAGE_BYTES),
    stack: thrown instanceof Error ? frames(thrown) : '',
  };
}

function frames({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, FRAMES)
    .map((line) => line.trim())
    .join(' ');
}
