import { Code } from '../compute/errors.js';

/** How a call failed: with the server's status, or with one from the client when there was none. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  /** A gRPC status number, not 0. */
  readonly code: number;
  /** The status's message. */
  readonly details: string;
  /** The trailer `grpc-status-details-bin`; undefined when the server sent none. */
  readonly trailer: Buffer | undefined;

  constructor(code: number, details: string, trailer?: Buffer) {
    super(`${code} ${Object.entries(Code).find(([, known]) => known === code)?.[0]}: ${details}`);
    this.code = code;
    this.details = details;
    this.trailer = trailer;
  }
}
