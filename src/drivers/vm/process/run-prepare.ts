import { parseArgs } from 'node:util';
import { OpenShellError } from '../../../compute/errors.js';
import { prepareGuest } from './guest/prepare.js';
import { defaultGuestDir } from './module.js';

const USAGE = `Usage: openshell-driver-vm prepare [--directory DIR] [--agent FILE]

Creates the files that guests boot from: the distribution's kernel, unpacked, and an initramfs with the guest agent.

  --directory DIR  where to put them (the key guest_dir); default: openshell/vm-guest in the XDG cache directory
  --agent FILE     a compiled guest agent; default: the shipped one, or one compiled now
`;
const PREPARE_TIMEOUT_MS = 15 * 60_000;

/** Prepares the guest's files and reports progress on stderr. Returns the exit code. */
export async function runPrepare(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        directory: { type: 'string' },
        agent: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const files = await prepareGuest(values.directory ?? defaultGuestDir(env), {
      agent: values.agent ?? '',
      progress: (text) => process.stderr.write(`${text}\n`),
      signal: AbortSignal.timeout(PREPARE_TIMEOUT_MS),
    });
    process.stdout.write(`${files.kernel}\n${files.initramfs}\n`);
    return 0;
  } catch (thrown) {
    process.stderr.write(`openshell-driver-vm: ${OpenShellError.from(thrown).text}\n`);
    return 1;
  }
}
