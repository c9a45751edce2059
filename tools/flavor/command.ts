import type { Arguments } from '../../dist/kit/arguments/parse.js';

/** Input and output of a command, with its options and positionals. */
export interface CommandContext extends Arguments {
  /** The repository. */
  readonly root: string;
  /** The folder for relative paths of the command line. */
  readonly cwd: string;
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
  /** Options with a value, and without one. */
  readonly texts?: readonly string[];
  readonly flags?: readonly string[];
  /** Returns the exit code: 0, or 1 when a check fails. Throws OpenShellError. */
  run(context: CommandContext): Promise<number>;
}

/** A comma list; empty when it is not given. */
export function commaList({ text }: CommandContext, name: string): string[] {
  return (text(name) ?? '').split(',').filter((value) => value !== '');
}
