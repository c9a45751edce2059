import type { ParseArgsConfig } from 'node:util';

/** Input and output of a command. */
export interface CommandContext {
  /** The repository. */
  readonly root: string;
  /** The folder for relative paths of the command line. */
  readonly cwd: string;
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  /** One line to stdout. */
  print(line: string): void;
  /** One line of progress to stderr. */
  progress(line: string): void;
}

export interface Command {
  readonly name: string;
  /** The arguments, as help shows them. */
  readonly usage: string;
  readonly doc: string;
  readonly options?: NonNullable<ParseArgsConfig['options']>;
  /** Returns the exit code: 0, or 1 when a check fails. Throws OpenShellError. */
  run(context: CommandContext): Promise<number>;
}

/** A text option, undefined when it is not given. */
export function textOption({ options }: CommandContext, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** A comma list; empty when it is not given. */
export function listOption(context: CommandContext, name: string): string[] {
  return (textOption(context, name) ?? '').split(',').filter((value) => value !== '');
}
