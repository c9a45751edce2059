import { Writable } from 'node:stream';
import { createDeferred } from '../kit/deferred.js';
import { cutText } from '../kit/text.js';
import type { ExecChunk, ExecSession, ExecSpec } from './driver.js';
import { Code, OpenShellError, type OpenShellErrorOptions } from './errors.js';

/**
 * Why a command did not start, and the exit code of a shell in that case: 127 for a missing program, 126 for one that
 * cannot run, or for the working directory. Clients and scripts know these codes.
 */
const CODES = {
  'command not found': 127,
  'no such file or directory': 127,
  'not a directory': 127,
  'too many levels of symbolic links': 127,
  'file name too long': 127,
  'permission denied': 126,
  'is a directory': 126,
  'exec format error': 126,
  'argument list too long': 126,
  'cannot be executed': 126,
  'cannot be the working directory': 126,
} as const;

export type ExecRefusal = keyof typeof CODES;

/** `words`, in any case, as a refusal; undefined for an unknown one. */
export function refusalOf(words: string): ExecRefusal | undefined {
  const lower = words.toLowerCase();
  return Object.hasOwn(CODES, lower) ? (lower as ExecRefusal) : undefined;
}

type Refused = Pick<ExecSpec, 'command' | 'workdir' | 'tty'>;

/** How much of a program's or directory's name is repeated, after escaping. */
const LONGEST_NAME_BYTES = 256;

/** Output and exit code of a command that did not start: one line of ours on stderr, on stdout with a TTY. */
export function refusedExec(
  refusal: ExecRefusal,
  { command, workdir, tty }: Refused,
): { readonly chunk: ExecChunk; readonly exitCode: number } {
  const [program = ''] = command;
  const isWorkdir = refusal === 'cannot be the working directory';
  const name = isWorkdir ? workdir || 'the workspace path' : program;
  const isBare = refusal === 'no such file or directory' && !program.includes('/');
  const line = `openshell: exec: ${printable(name)}: ${isBare ? 'command not found' : refusal}`;
  // As a terminal would translate the newline.
  const data = Buffer.from(tty ? `${line}\r\n` : `${line}\n`);
  return { chunk: { stream: tty ? 'stdout' : 'stderr', data }, exitCode: CODES[refusal] };
}

/** The session of a command that did not start. What is written to it is discarded. */
export function refusedSession(refusal: ExecRefusal, spec: Refused & Pick<ExecSpec, 'stdin'>): ExecSession {
  const { chunk, exitCode } = refusedExec(refusal, spec);
  const ended = createDeferred<number>();
  async function* output(): AsyncGenerator<ExecChunk> {
    try {
      yield chunk;
    } finally {
      ended.resolve(exitCode);
    }
  }
  return {
    output: output(),
    stdin: spec.stdin ? new Writable({ write: (_chunk, _encoding, done) => done() }) : undefined,
    resize: async () => {},
    exitCode: ended.promise,
  };
}

/** INVALID_ARGUMENT, for refusals outside of an exec, such as at the start of a main process. */
export class ExecRefused extends OpenShellError {
  readonly refusal: ExecRefusal;

  constructor(refusal: ExecRefusal, message: string, options?: OpenShellErrorOptions) {
    super(Code.INVALID_ARGUMENT, message, options);
    this.refusal = refusal;
  }
}

/** Escapes what moves the cursor, colours, reorders or has no UTF-8. */
function printable(name: string): string {
  return cutText(
    name.slice(0, LONGEST_NAME_BYTES + 1).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, escaped),
    LONGEST_NAME_BYTES,
  );
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  return SHORT[character] ?? `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}
