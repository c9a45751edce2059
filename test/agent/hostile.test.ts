import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type AgentChannel, openChannel } from '../../dist/agent/channel.js';
import { execThroughAgent } from '../../dist/agent/exec.js';
import {
  encodeFrame,
  Frame,
  FrameReader,
  HEADER_BYTES,
  MAX_PAYLOAD_FROM_AGENT_BYTES,
  ProtocolBreach,
  u32,
  WINDOW_BYTES,
} from '../../dist/agent/protocol.js';
import { Code } from '../../dist/compute/errors.js';
import { soon } from './agent.js';

// A guest in memory keeps no event loop alive, nor does the timer of a deadline.
const alive = setInterval(() => {}, 1_000);
after(() => clearInterval(alive));

/** A guest that says what a test tells it to. `answer` sees each frame of the host. */
function guest(
  answer: (type: number, stream: number, payload: Buffer, say: (bytes: Buffer) => void) => void,
) {
  let held = Buffer.alloc(0);
  const wire: Duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      held = Buffer.concat([held, chunk]);
      while (held.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + held.readUInt32LE(8);
        if (held.length < end) {
          break;
        }
        const [type, stream, payload] = [
          held[2] as number,
          held.readUInt32LE(4),
          held.subarray(HEADER_BYTES, end),
        ];
        held = held.subarray(end);
        answer(type, stream, payload, (bytes) => wire.push(bytes));
      }
      done();
    },
  });
  return wire;
}

function welcome(nonce: Buffer): Buffer {
  return encodeFrame(Frame.WELCOME, 0, Buffer.concat([nonce, Buffer.from('v1\0r1\0m1\0x0\0')]));
}

/** A channel to a guest that greets well and then answers a SPAWN with `bytes`. */
function channelTo(bytes: (stream: number) => Buffer[]): Promise<AgentChannel> {
  return openChannel(
    guest((type, stream, payload, say) => {
      if (type === Frame.HELLO) {
        say(welcome(Buffer.from(payload)));
      }
      if (type === Frame.SPAWN) {
        for (const part of bytes(stream)) {
          say(part);
        }
      }
    }),
    { signal: soon(), resume: false },
  );
}

function claim(type: number, stream: number, length: number): Buffer {
  const header = encodeFrame(type, stream).subarray(0, HEADER_BYTES);
  header.writeUInt32LE(length, 8);
  return header;
}

const breaches: [string, (stream: number) => Buffer[]][] = [
  ['garbage', () => [Buffer.from('hello, I am a guest and speak no protocol')]],
  ['a frame of 4 GiB', (id) => [claim(Frame.OUT, id, 0xffff_ffff)]],
  ['a frame of one byte too many', (id) => [claim(Frame.OUT, id, MAX_PAYLOAD_FROM_AGENT_BYTES + 1)]],
  ['a stream that nobody opened', () => [encodeFrame(Frame.OUT, 4_000_000, Buffer.from('x'))]],
  ['an answer that nobody asked for', () => [encodeFrame(Frame.PONG, 77)]],
  ['a second greeting', () => [welcome(Buffer.alloc(16))]],
  ['an empty data frame', (id) => [encodeFrame(Frame.OUT, id)]],
  ['a grant of what was not sent', (id) => [encodeFrame(Frame.GRANT, id, u32(1))]],
  ['a grant of the wrong size', (id) => [encodeFrame(Frame.GRANT, id, Buffer.alloc(3))]],
  ['an exit of the wrong size', (id) => [encodeFrame(Frame.EXIT, id, Buffer.alloc(64))]],
  [
    'more than was granted',
    (id) =>
      Array.from({ length: WINDOW_BYTES / 16_384 + 1 }, () =>
        encodeFrame(Frame.OUT, id, Buffer.alloc(16_384)),
      ),
  ],
];

for (const [what, bytes] of breaches) {
  test(`${what} ends the channel`, async () => {
    const channel = await channelTo(bytes);
    await assert.rejects(channel.spawn([['a', 'x']], soon()), { code: Code.UNAVAILABLE });
    assert.ok((await channel.closed) instanceof ProtocolBreach);
    await assert.rejects(channel.ping(soon()), { code: Code.UNAVAILABLE });
  });
}

test('a guest that never greets is given up at the deadline', async () => {
  const silent = openChannel(
    guest(() => {}),
    { signal: AbortSignal.timeout(50), resume: false },
  );
  await assert.rejects(silent, { code: Code.DEADLINE_EXCEEDED });
});

test('a guest that only floods is given up, however long it goes on', async () => {
  const flood = guest((_type, _stream, _payload, say) => {
    for (let i = 0; i < 64; i++) {
      say(Buffer.alloc(65_536, 'x'));
    }
  });
  await assert.rejects(openChannel(flood, { signal: soon(), resume: false }), { code: Code.UNAVAILABLE });
});

test('a guest that never answers leaves a caller that can be cancelled', async () => {
  const channel = await channelTo(() => []);
  const cancel = new AbortController();
  const spawning = channel.spawn([['a', 'x']], cancel.signal);
  cancel.abort();
  await assert.rejects(spawning, { code: Code.CANCELLED });
  channel.close();
});

test('a command whose agent does not answer within its timeout is given up', async () => {
  const channel = await channelTo(() => []);
  const spec = { command: ['x'], workdir: '', environment: {}, tty: false, size: undefined, stdin: false };
  const defaults = { environment: {}, user: '', workdir: '/' };
  const late = execThroughAgent(channel, { ...spec, timeoutMs: 50 }, defaults, soon());
  await assert.rejects(late, { code: Code.DEADLINE_EXCEEDED });
  channel.close();
});

test('a stream that was abandoned ends for its reader, and more than its window ends the channel', async () => {
  const wires: ((bytes: Buffer) => void)[] = [];
  const channel = await openChannel(
    guest((type, stream, payload, say) => {
      if (type === Frame.HELLO) {
        say(welcome(Buffer.from(payload)));
      }
      if (type !== Frame.SPAWN) {
        return;
      }
      say(encodeFrame(Frame.STARTED, stream, u32(7)));
      wires.push((bytes) => say(encodeFrame(Frame.OUT, stream, bytes)));
    }),
    { signal: soon(), resume: false },
  );
  const stream = await channel.spawn([['a', 'x']], soon());
  const [output] = wires as [(bytes: Buffer) => void];
  stream.abandon(new Error('given up'));
  for await (const _ of stream.output) {
    assert.fail('output of a stream that was abandoned');
  }
  await assert.rejects(stream.exit, /given up/);
  for (let sent = 0; sent < WINDOW_BYTES; sent += 16_384) {
    output(Buffer.alloc(16_384));
  }
  await channel.spawn([['a', 'x']], soon());
  output(Buffer.alloc(1));
  assert.ok((await channel.closed) instanceof ProtocolBreach);
});

test('a refusal from inside cannot write to a terminal', async () => {
  const channel = await channelTo((id) => [encodeFrame(Frame.FAILED, id, Buffer.from('p\x1b[2Jgone\r\n'))]);
  await assert.rejects(
    channel.spawn([['a', 'x']], soon()),
    (error: Error) => ![...error.message].some((c) => c < ' '),
  );
});

test('the reader takes any cut of any frames, and holds no more than one', () => {
  const frame = fc.record({
    type: fc.integer({ min: 0, max: 255 }),
    stream: fc.nat(0xffff_ffff),
    payload: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 400 })),
      (frames, cuts) => {
        const bytes = Buffer.concat(
          frames.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)),
        );
        const reader = new FrameReader();
        const read = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          for (const got of reader.push(bytes.subarray(at, at + cut))) {
            read.push({ type: got.type, stream: got.stream, payload: new Uint8Array(got.payload) });
          }
          at += cut;
        }
        assert.deepEqual(
          read,
          frames.map((one) => ({ ...one })),
        );
      },
    ),
  );
});

test('any bytes at all are frames or a breach, never another error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (chunks) => {
      const reader = new FrameReader();
      try {
        for (const chunk of chunks) {
          for (const _ of reader.push(Buffer.from(chunk))) {
          }
        }
      } catch (error) {
        assert.ok(error instanceof ProtocolBreach);
      }
    }),
  );
});

test('any bytes after the greeting leave the process unharmed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 64 }), { maxLength: 8 }),
      async (chunks) => {
        const channel = await channelTo((id) =>
          chunks.map((chunk) => encodeFrame(chunk[0] as number, id, chunk)),
        );
        const spawning = channel.spawn([['a', 'x']], AbortSignal.timeout(2_000)).catch(() => undefined);
        setImmediate(() => channel.close());
        await spawning;
        await channel.closed;
      },
    ),
    { numRuns: 60 },
  );
});
