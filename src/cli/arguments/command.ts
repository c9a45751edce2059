import type { OptionSyntax } from '../../kit/arguments/parse.js';
import type { Context } from '../context.js';

/** What a shell can offer for a value: names asked from the gateway, file names, or nothing. */
export type Completion = 'sandbox' | 'workspace' | 'file' | 'none';

export interface OptionSpec extends OptionSyntax {
  readonly help: string;
  /** Environment variable that is read when the option is not given. */
  readonly env?: string;
  /** Default: `none`. */
  readonly completes?: Completion;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface PositionalSpec {
  readonly name: string;
  readonly required: boolean;
  readonly repeated: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completion;
}

interface CommandModule {
  /** Answers the exit code. Throws OpenShellError. `commands`: all that there are. */
  run(context: Context, commands: readonly CommandNode[]): Promise<number>;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly options: OptionSpecs;
  /** Left out by commands that take no argument. */
  readonly positional?: PositionalSpec;
  /** What stands after `--`; left out by commands that take nothing there. */
  readonly trailing?: { readonly name: string; readonly required: boolean };
  /** Sentences for the end of the help. */
  readonly notes?: readonly string[];
  /** The code that runs it: loaded only when it does, so that `--version` and the help cost next to nothing. */
  load(): Promise<CommandModule>;
}

export interface CommandGroup {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly commands: readonly CommandSpec[];
}

export type CommandNode = CommandSpec | CommandGroup;

export function isGroup(node: CommandNode): node is CommandGroup {
  return 'commands' in node;
}
