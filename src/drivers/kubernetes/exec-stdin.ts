import { Writable } from 'node:stream';
import { failedPrecondition } from '../../compute/errors.js';
import { CHANNEL, type ExecSocket } from './exec-socket.js';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
/** A terminal's end of file at the start of a line; in the middle of one, the first only submits that line. */
const END_OF_TRANSMISSION = 0x04;

/** Writes to the command's standard input. Writes after the command has ended are dropped. */
export function createExecStdin(socket: ExecSocket, tty: boolean): Writable {
  let atLineStart = true;
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      if (chunk.length > 0) {
        atLineStart = chunk[chunk.length - 1] === NEWLINE;
      }
      function sendFrom(offset: number) {
        if (offset >= chunk.length) {
          return done();
        }
        socket.send(CHANNEL.stdin, chunk.subarray(offset, offset + CHUNK_BYTES), (error) => {
          if (error) {
            done();
          } else {
            sendFrom(offset + CHUNK_BYTES);
          }
        });
      }

      sendFrom(0);
    },
    final(done) {
      if (tty) {
        const end = new Uint8Array(atLineStart ? 1 : 2).fill(END_OF_TRANSMISSION);
        socket.send(CHANNEL.stdin, end, () => done());
        return;
      }
      if (socket.canCloseStdin) {
        socket.send(CHANNEL.close, Uint8Array.of(CHANNEL.stdin), () => done());
        return;
      }
      done(
        failedPrecondition('this cluster cannot close the standard input of a command', {
          reason: 'StdinNeverEnds',
          hint: 'use Kubernetes 1.30 or newer, or give the command a timeout',
        }),
      );
    },
  });
}
