import http from 'node:http';
import type { TestContext } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ExecSpec } from '../../dist/compute/driver.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createServerState } from '../../dist/drivers/kubernetes/api-errors.js';
import { type ExecOptions, startExec } from '../../dist/drivers/kubernetes/exec.js';
import type { Rest } from '../../dist/drivers/kubernetes/rest.js';
import { listen } from '../support/listen.js';

export const CHANNEL = { stdout: 1, stderr: 2, status: 3 } as const;

/** What is asked to run: the command, or the helper that is to end it. */
export interface AskedExec {
  readonly argv: readonly string[];
  readonly isHelper: boolean;
  /** Marks the command, and the shell's word of it. */
  readonly execId: string;
  readonly open: boolean;
  send(channel: number, data: string | Uint8Array): void;
  /** Sends this without end, as fast as it is taken. */
  flood(channel: number, chunk: Uint8Array): void;
  /** The shell's word that the command begins. */
  begin(): void;
  end(status?: object): void;
}

export interface FakeExec {
  readonly rest: Rest;
  /** All that were asked for, in order. */
  readonly asked: readonly AskedExec[];
  exec(spec: ExecSpec, more?: Partial<ExecOptions>): ReturnType<typeof startExec>;
}

/** Of what a peer does not take, kept at the server. */
const AHEAD_BYTES = 1024 * 1024;
const AT_ONCE = 256;

/** An API server whose sandbox runs what the test says. */
export async function fakeExec(t: TestContext, run: (asked: AskedExec) => void): Promise<FakeExec> {
  const server = http.createServer();
  const port = await listen(server);
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'v5.channel.k8s.io' });
  const asked: AskedExec[] = [];
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => {});
    const one = askedOf(socket, new URL(request.url ?? '', 'http://x').searchParams.getAll('command'));
    asked.push(one);
    run(one);
  });
  t.after(() => {
    for (const socket of sockets.clients) {
      socket.terminate();
    }
    sockets.close();
    server.closeAllConnections();
    server.close();
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  const rest = {
    ...createServerState(url),
    server: url,
    access: async () => ({ agent: undefined, headers: {} }),
  } as unknown as Rest;
  return {
    rest,
    asked,
    exec: (spec, more) =>
      startExec({
        rest,
        place: { namespace: 'n', name: 'p' },
        spec,
        workspacePath: '/sandbox',
        signal: new AbortController().signal,
        timeoutMs: 5_000,
        onLeftBehind: () => {},
        log: silentLogger,
        ...more,
      }),
  };
}

function askedOf(socket: WebSocket, argv: string[]): AskedExec {
  const isHelper = argv[3] === 'openshell-exec-kill';
  const execId = isHelper ? (argv[4] ?? '').replace(/^.*=/, '') : (argv[4] ?? '');
  const frame = (channel: number, data: string | Uint8Array) =>
    Buffer.concat([Buffer.from([channel]), Buffer.from(data as Uint8Array)]);
  const send = (channel: number, data: string | Uint8Array) => socket.send(frame(channel, data));
  return {
    argv,
    isHelper,
    execId,
    get open() {
      return socket.readyState === socket.OPEN;
    },
    send,
    flood(channel, chunk) {
      const message = frame(channel, chunk);
      const more = () => {
        if (socket.readyState !== socket.OPEN) {
          return;
        }
        for (let i = 0; i < AT_ONCE && socket.bufferedAmount < AHEAD_BYTES; i++) {
          socket.send(message);
        }
        setTimeout(more, 1);
      };
      more();
    },
    begin: () => send(CHANNEL.stderr, `\x1e${execId}:ok\x1e`),
    end(status = { status: 'Success' }) {
      socket.send(frame(CHANNEL.status, JSON.stringify(status)), () => socket.close());
    },
  };
}
