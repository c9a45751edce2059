import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

const NEWLINE = 0x0a;
/** What a terminal takes for end of file at the start of a line; in the middle of one the first only hands the line over. */
const END_OF_TRANSMISSION = '\x04';

/** Passes the engine's back-pressure on. Its end is the process's end of file. */
export function createExecStdin(socket: Socket, tty: boolean): Writable {
  let atLineStart = true;
  // A process that has ended or stopped reading is no error of the writer.
  function write(data: Uint8Array | string, done: () => void) {
    if (socket.writable) {
      socket.write(data, () => done());
    } else {
      done();
    }
  }

  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (chunk.length > 0) {
        atLineStart = chunk[chunk.length - 1] === NEWLINE;
      }
      write(chunk, done);
    },
    final: (done) => {
      if (tty) {
        write(END_OF_TRANSMISSION.repeat(atLineStart ? 1 : 2), done);
      } else if (socket.writable) {
        socket.end(() => done());
      } else {
        done();
      }
    },
  });
}
