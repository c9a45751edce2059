import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Code, invalidArgument, OpenShellError, unavailable } from '../compute/errors.js';
import { type ExecRefusal, ExecRefused, refusalOf } from '../compute/exec-refusal.js';
import { createDeferred } from '../kit/deferred.js';
import {
  type DecodedFrame,
  decodeRecords,
  encodeFrame,
  encodeRecords,
  Frame,
  FrameReader,
  MAIN_STREAM,
  MAX_PAYLOAD_TO_AGENT_BYTES,
  NONCE_BYTES,
  ProtocolBreach,
} from './protocol.js';
import { type AgentStream, createStream, type StreamHandle } from './stream.js';
import { awaitWelcome } from './welcome.js';

/** The agent's state when the channel was opened. */
interface AgentState {
  readonly rootReady: boolean;
  readonly main: 'never-started' | 'running' | 'exited';
  readonly mainExitCode: number;
}

interface OpenChannelOptions {
  readonly signal: AbortSignal;
  /** Another host may have used this channel: complete a frame that it may have sent partially. */
  readonly resume: boolean;
}

/** A connection to one agent. Everything that the agent sends is treated as hostile. */
export interface AgentChannel {
  readonly state: AgentState;
  /** The main process, if it was running when the channel was opened or was spawned over it. */
  readonly main: AgentStream | undefined;
  /** Mounts the root disk and sets limits; see SETUP in protocol.md. */
  setup(records: readonly (readonly [string, string])[], signal: AbortSignal): Promise<void>;
  /** Resolves when the process runs. ExecRefused: no such program or directory. INVALID_ARGUMENT: no such user. */
  spawn(records: readonly (readonly [string, string])[], signal: AbortSignal): Promise<AgentStream>;
  /** Resolves when connected to the loopback port inside. UNAVAILABLE: refused. */
  connect(port: number, signal: AbortSignal): Promise<AgentStream>;
  ping(signal: AbortSignal): Promise<void>;
  /** Memory, disk and OOM figures by name. */
  figures(signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** Makes the machine's kernel release its disks until `setup`: restored machines have others. */
  release(signal: AbortSignal): Promise<void>;
  /** Sets the clock inside to ours and seeds its random pool. UNAVAILABLE when either fails. */
  renew(signal: AbortSignal): Promise<void>;
  /** Kills all streams but the main process's, and waits until they have ended. */
  endOthers(signal: AbortSignal): Promise<void>;
  /** Ends every process, syncs, and powers the machine off. */
  halt(): void;
  /** Resolves with the reason when the channel is closed: ProtocolBreach when the agent violated the protocol. */
  readonly closed: Promise<Error>;
  close(): void;
}

interface Waiter {
  resolve(frame: DecodedFrame): void;
  reject(error: Error): void;
}

const MAIN_STATES = ['never-started', 'running', 'exited'] as const;

function stateOf(payload: Buffer): AgentState {
  const records = decodeRecords(payload.subarray(NONCE_BYTES));
  if (records.get('v') !== '1') {
    throw new ProtocolBreach(
      `agent protocol ${JSON.stringify(records.get('v')?.slice(0, 20))} instead of "1"`,
    );
  }
  const main = MAIN_STATES[Number(records.get('m'))];
  const code = Number(records.get('x'));
  if (main === undefined || !Number.isInteger(code)) {
    throw new ProtocolBreach('a greeting without a state');
  }
  return { rootReady: records.get('r') === '1', main, mainExitCode: code };
}

function failureOf(payload: Buffer): OpenShellError {
  const kind = payload.subarray(0, 1).toString('latin1');
  const text = printable(payload.subarray(1, 400).toString('utf8'));
  switch (kind) {
    case 'p':
      return programRefused(refusalOf(lastOf(text)) ?? 'no such file or directory', text);
    case 'x':
      return programRefused(refusalOf(lastOf(text)) ?? 'cannot be executed', text);
    case 'd':
      return new ExecRefused(
        'cannot be the working directory',
        `the working directory cannot be used: ${text}`,
        { field: 'workdir' },
      );
    case 'u':
      return invalidArgument(`the image has no user '${text}'`, { reason: 'UnknownUser' });
    case 'r':
      return new OpenShellError(Code.FAILED_PRECONDITION, `the root disk cannot be used: ${text}`, {
        reason: 'RootDiskFailed',
      });
    case 'l':
      return new OpenShellError(Code.RESOURCE_EXHAUSTED, `the agent is at its limit: ${text}`);
    default:
      return unavailable(`inside the sandbox: ${text}`);
  }
}

function programRefused(refusal: ExecRefusal, text: string): ExecRefused {
  return new ExecRefused(refusal, `the program cannot be run: ${text}`, {
    field: 'command',
    reason: 'ProgramNotFound',
  });
}

/** libc's text for the error. */
function lastOf(text: string): string {
  return text.split(': ').at(-1) ?? '';
}

// Control characters from inside must not reach a terminal or a log.
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, '?');
}

/** Opens the protocol on a connected byte stream. UNAVAILABLE when the agent does not answer correctly in time. */
export async function openChannel(wire: Duplex, options: OpenChannelOptions): Promise<AgentChannel> {
  const nonce = randomBytes(NONCE_BYTES);
  if (options.resume) {
    wire.write(Buffer.alloc(MAX_PAYLOAD_TO_AGENT_BYTES));
  }
  wire.write(encodeFrame(Frame.HELLO, 0, nonce));
  const { payload, rest } = await awaitWelcome(wire, nonce, options.signal);
  return runChannel(wire, stateOf(payload), rest);
}

function runChannel(wire: Duplex, state: AgentState, rest: Buffer): AgentChannel {
  const reader = new FrameReader();
  const streams = new Map<number, StreamHandle>();
  const waiters = new Map<number, Waiter>();
  let nextId = MAIN_STREAM + 1;
  let over: Error | undefined;
  const closed = createDeferred<Error>();

  function finish(reason: Error) {
    if (over !== undefined) {
      return;
    }
    over = reason;
    wire.destroy();
    const lost = unavailable('the connection to the sandbox was lost', { cause: reason });
    for (const handle of streams.values()) {
      handle.onLost(lost);
    }
    for (const waiter of waiters.values()) {
      waiter.reject(lost);
    }
    streams.clear();
    waiters.clear();
    closed.resolve(reason);
  }

  function send(type: number, stream: number, payload?: Uint8Array) {
    if (over === undefined) {
      wire.write(encodeFrame(type, stream, payload));
    }
  }

  function open(id: number): StreamHandle {
    const handle = createStream(id, send);
    streams.set(id, handle);
    return handle;
  }

  function dispatch(frame: DecodedFrame) {
    const { type, stream: id, payload } = frame;
    const handle = streams.get(id);
    if (handle !== undefined && onStreamFrame(handle, frame)) {
      if (type === Frame.EXIT) {
        streams.delete(id);
      }
      return;
    }
    const waiter = waiters.get(id);
    if (waiter === undefined) {
      throw new ProtocolBreach(`an unsolicited frame of type ${type}`);
    }
    waiters.delete(id);
    if (type === Frame.FAILED) {
      streams.delete(id);
    }
    // The frame's bytes are a view of a chunk that is freed.
    waiter.resolve({ type, stream: id, payload: Buffer.from(payload) });
  }

  wire.on('data', (chunk: Buffer) => receive(chunk));
  function receive(chunk: Buffer) {
    if (over !== undefined) {
      return;
    }
    try {
      for (const frame of reader.push(chunk)) {
        dispatch(frame);
      }
    } catch (error) {
      finish(error as Error);
    }
  }

  wire.on('error', (error) => finish(error));
  wire.on('close', () => finish(new Error('the channel was closed')));

  /** Sends one frame and waits for its single answer. */
  async function ask(
    type: number,
    id: number,
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<DecodedFrame> {
    if (over !== undefined) {
      throw unavailable('the connection to the sandbox was lost', { cause: over });
    }
    if (signal.aborted) {
      throw OpenShellError.from(signal.reason);
    }
    const answer = createDeferred<DecodedFrame>();
    // It stays after an abort, so that a late answer does not count as unsolicited.
    waiters.set(id, answer);
    function onAbort() {
      answer.reject(OpenShellError.from(signal.reason));
    }

    signal.addEventListener('abort', onAbort, { once: true });
    send(type, id, payload);
    try {
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async function expect(type: number, answer: number, payload: Uint8Array, signal: AbortSignal) {
    const frame = await ask(type, nextId++, payload, signal);
    if (frame.type === Frame.FAILED) {
      throw failureOf(frame.payload);
    }
    if (frame.type !== answer) {
      return breach(`type ${frame.type} instead of ${answer}`);
    }
    return frame.payload;
  }

  function breach(text: string): never {
    const error = new ProtocolBreach(text);
    finish(error);
    throw unavailable('the sandbox violated the agent protocol', { cause: error });
  }

  async function begin(type: number, id: number, payload: Uint8Array, signal: AbortSignal) {
    const handle = open(id);
    let frame: DecodedFrame;
    try {
      frame = await ask(type, id, payload, signal);
    } catch (error) {
      // It may still start: make sure that it ends.
      handle.stream.discard();
      handle.stream.end(0);
      throw error;
    }
    if (frame.type === Frame.STARTED) {
      return handle.stream;
    }
    if (frame.type === Frame.FAILED) {
      throw failureOf(frame.payload);
    }
    return breach(`type ${frame.type} instead of STARTED`);
  }

  let main = state.main === 'running' ? open(MAIN_STREAM).stream : undefined;
  if (rest.length > 0) {
    receive(rest);
  }
  wire.resume();

  return {
    state,
    get main() {
      return main;
    },
    setup: async (records, signal) => {
      await expect(Frame.SETUP, Frame.DONE, encodeAll(records), signal);
    },
    spawn: async (records, signal) => {
      const isMain = records.some(([tag]) => tag === 'm');
      const stream = await begin(Frame.SPAWN, isMain ? MAIN_STREAM : nextId++, encodeAll(records), signal);
      if (isMain) {
        main = stream;
      }
      return stream;
    },
    connect: (port, signal) => begin(Frame.CONNECT, nextId++, encodeAll([['p', String(port)]]), signal),
    ping: async (signal) => {
      await expect(Frame.PING, Frame.PONG, new Uint8Array(), signal);
    },
    figures: async (signal) =>
      figuresOf(await expect(Frame.FIGURES, Frame.FIGURES_ARE, new Uint8Array(), signal)),
    release: async (signal) => {
      await expect(Frame.RELEASE, Frame.DONE, new Uint8Array(), signal);
    },
    renew: async (signal) => {
      const payload = Buffer.concat([Buffer.alloc(8), randomBytes(256)]);
      payload.writeBigUInt64LE(BigInt(Date.now()) * 1_000_000n);
      await expect(Frame.CLOCK, Frame.DONE, payload, signal);
    },
    endOthers: async (signal) => {
      const others = [...streams.values()]
        .map((handle) => handle.stream)
        .filter(({ id }) => id !== MAIN_STREAM);
      for (const stream of others) {
        stream.end(0);
      }
      const late = new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      await Promise.race([Promise.allSettled(others.map((stream) => stream.exit)), late]);
    },
    halt: () => send(Frame.HALT, 0),
    closed: closed.promise,
    close: () => finish(new Error('the channel was closed')),
  };
}

/** False when the frame answers a request and is not about a running stream. */
function onStreamFrame(handle: StreamHandle, { type, payload }: DecodedFrame): boolean {
  switch (type) {
    case Frame.OUT:
      handle.onData('stdout', payload);
      return true;
    case Frame.ERR:
      handle.onData('stderr', payload);
      return true;
    case Frame.GRANT:
      if (payload.length !== 4) {
        throw new ProtocolBreach('a grant of the wrong size');
      }
      handle.onGrant(payload.readUInt32LE(0));
      return true;
    case Frame.EXIT:
      if (payload.length !== 5) {
        throw new ProtocolBreach('an exit of the wrong size');
      }
      handle.onExit({ code: payload.readInt32LE(0), oomKilled: payload[4] === 1 });
      return true;
    default:
      return false;
  }
}

function figuresOf(payload: Buffer): ReadonlyMap<string, number> {
  const figures = new Map<string, number>();
  for (const line of payload.toString('latin1').split('\n').slice(0, 64)) {
    const [key = '', value = ''] = line.split(' ');
    if (/^[a-z_]{1,40}$/.test(key) && /^\d{1,16}$/.test(value)) {
      figures.set(key, Number(value));
    }
  }
  return figures;
}

function encodeAll(records: readonly (readonly [string, string])[]): Buffer {
  try {
    const payload = encodeRecords(records);
    if (payload.length <= MAX_PAYLOAD_TO_AGENT_BYTES) {
      return payload;
    }
  } catch (error) {
    throw invalidArgument((error as Error).message);
  }
  throw invalidArgument(`command and environment are longer than ${MAX_PAYLOAD_TO_AGENT_BYTES} bytes`);
}
