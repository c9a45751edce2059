import { parseArgs } from 'node:util';
import { OpenShellError } from '../../../compute/errors.js';
import { type VmSettings, vmSettings } from '../settings.js';
import { prepareGuest } from './guest/prepare.js';
import { guestDirectory } from './module.js';

const USAGE = `Usage: openshell-driver-vm prepare [--directory DIR] [--agent FILE]

Makes what guests boot with: the distribution's kernel, unpacked, and an initramfs with the guest agent.

  --directory DIR  where to put it (the key guest_dir); default: openshell/vm-guest in the XDG cache directory
  --agent FILE     a compiled guest agent; default: the one that is shipped, or one compiled now
`;
const PREPARE_TIMEOUT_MS = 15 * 60_000;

/** Prepares the guest's files and tells on stderr how it goes; gives the exit code. */
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
    const defaults = Object.fromEntries(
      Object.entries(vmSettings).map(([key, setting]) => [
        key,
        'default' in setting ? setting.default : undefined,
      ]),
    ) as unknown as VmSettings;
    const files = await prepareGuest(values.directory ?? guestDirectory(defaults, env), {
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
