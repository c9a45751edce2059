import { OpenShellError } from '../compute/errors.js';
import { VERSION } from '../compute/version.js';
import type { Arguments } from '../kit/arguments/parse.js';
import { freeBuffersAtOnce } from '../kit/garbage.js';
import { parseCommand } from './arguments/parse.js';
import { COMMANDS } from './arguments/tree.js';
import type { Gateway } from './connection/gateway.js';
import type { Context } from './context.js';
import { EXIT, exitCodeOf, failureLine, interruptedError, isSilent } from './failure.js';
import { createOutput, type Output } from './output/output.js';
import { printable } from './output/printable.js';

/** Runs one command line (without `node` and the script) on the process's own streams; returns the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  // Node's warnings about a library's calls (grpc-js with an IP address as TLS name) are of no use to a user.
  process.noDeprecation = true;
  freeBuffersAtOnce();
  const out = createOutput(process.stdout);
  const err = createOutput(process.stderr);
  const signal = AbortSignal.any([listenForInterrupts(), out.closed]);
  try {
    return await dispatch(argv, { out, err, signal });
  } catch (thrown) {
    const error = signal.aborted ? (signal.reason as OpenShellError) : OpenShellError.from(thrown);
    if (!isSilent(error)) {
      await err.write(`${failureLine(error)}\n`).catch(() => {});
    }
    return exitCodeOf(error);
  } finally {
    await Promise.all([out.flush(), err.flush()]);
  }
}

interface Surroundings {
  readonly out: Output;
  readonly err: Output;
  readonly signal: AbortSignal;
}

async function dispatch(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const invocation = parseCommand(argv);
  if (invocation.kind === 'version') {
    await surroundings.out.write(`openshell ${VERSION}\n`);
    return EXIT.ok;
  }
  if (invocation.kind === 'help') {
    const { helpText } = await import('./arguments/help.js');
    await surroundings.out.write(helpText(invocation.path, invocation.of));
    return EXIT.ok;
  }
  const { context, close } = createContext(invocation.args, surroundings);
  try {
    const command = await invocation.command.load();
    return await command.run(context, COMMANDS);
  } finally {
    await close();
  }
}

function createContext(
  args: Arguments,
  surroundings: Surroundings,
): { context: Context; close(): Promise<void> } {
  const { env, stdin } = process;
  function note(text: string) {
    return surroundings.err.write(`${printable(text)}\n`).catch(() => {});
  }

  let opened: Promise<Gateway> | undefined;
  const context: Context = {
    ...surroundings,
    args,
    env,
    stdin,
    workspace: args.text('workspace') || env.OPENSHELL_WORKSPACE || 'default',
    verbose: args.flag('verbose'),
    note,
    connect() {
      opened ??= connect(context);
      return opened;
    },
  };
  return { context, close: async () => (await opened?.catch(() => undefined))?.close() };
}

async function connect({ args, env, verbose, note }: Context): Promise<Gateway> {
  const { resolveEndpoint } = await import('./connection/endpoint.js');
  const endpoint = await resolveEndpoint(args, env);
  if (verbose) {
    await note(`gateway: ${endpoint.url}`);
  }
  const { openGateway } = await import('./connection/gateway.js');
  return openGateway(endpoint, env);
}

/**
 * Turns the first signal of the user into an abort, so that a command can clean up; the reason is the error to end
 * with. A second one ends the process at once.
 */
function listenForInterrupts(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      const error = interruptedError(name);
      if (controller.signal.aborted) {
        process.exit(exitCodeOf(error));
      }
      controller.abort(error);
    });
  }
  return controller.signal;
}
