import type { ReadStream } from 'node:tty';
import type { Arguments } from '../kit/arguments/parse.js';
import type { Gateway } from './connection/gateway.js';
import type { Output } from './output/output.js';

/** What a command works with. */
export interface Context {
  readonly args: Arguments;
  readonly env: NodeJS.ProcessEnv;
  /** Never empty. */
  readonly workspace: string;
  readonly verbose: boolean;
  readonly stdin: ReadStream;
  /** Results. */
  readonly out: Output;
  /** Everything else: progress, notices, a remote command's stderr. */
  readonly err: Output;
  /** Aborts when the user interrupts or the output is closed; its reason is the error to exit with. */
  readonly signal: AbortSignal;
  /** Prints one line on stderr. Never throws, even when stderr is closed. */
  note(text: string): Promise<void>;
  /** The connection of this invocation; opened on the first call. */
  connect(): Promise<Gateway>;
}
