import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The public API as a client of the gateway at `address` sees it, with the client code of the build at `dist`. */
export async function openApi(dist, address) {
  function load(path) {
    return import(pathToFileURL(join(dist, path)).href);
  }

  const { methods, SandboxPhase } = await load('wire/v00/index.js');
  const { createRpcClient } = await load('rpc/client/client.js');
  const client = createRpcClient(address);
  return {
    methods,
    client,
    create: async (name, spec = {}) =>
      (await client.unary(methods.createSandbox, { name, ...spec })).sandbox.metadata.id,
    /** Until the sandbox is READY. */
    async ready(id) {
      const request = { id, followStatus: true, stopOnTerminal: true };
      let last;
      for await (const { payload } of client.serverStream(methods.watchSandbox, request)) {
        last = payload.value;
      }
      if (last?.status?.phase !== SandboxPhase.READY) {
        throw new Error(`sandbox ${id} is not READY: ${JSON.stringify(last?.status?.conditions)}`);
      }
    },
    /** Runs to the end; `onData` is told of each piece as it comes, `input` bytes of zeros go to its stdin. */
    async exec(sandboxId, command, onData, input = 0) {
      let code;
      const events =
        input === 0
          ? client.serverStream(methods.execSandbox, { sandboxId, command })
          : fed(client.duplex(methods.execSandboxInteractive), { sandboxId, command }, input);
      for await (const { payload } of events) {
        if (payload.case === 'exit') {
          code = payload.value.exitCode;
        } else {
          onData(payload.value.data);
        }
      }
      if (code !== 0) {
        throw new Error(`exec ended with ${code}`);
      }
    },
    /** Deletes, and waits until the row is gone. `id` is watched from before. */
    async remove(id, name) {
      const watch = client.serverStream(methods.watchSandbox, { id, followStatus: true });
      const events = watch[Symbol.asyncIterator]();
      await events.next();
      const startedAt = performance.now();
      await client.unary(methods.deleteSandbox, { name });
      for (;;) {
        const { done } = await events.next().catch((error) => {
          if (error.code !== CANCELLED) {
            throw error;
          }
          return { done: true };
        });
        if (done) {
          return performance.now() - startedAt;
        }
      }
    },
    close: () => client.close(),
  };
}

const PART_BYTES = 64 * 1024;

function fed(call, start, input) {
  async function feed() {
    await call.send({ payload: { case: 'start', value: start } });
    const value = Buffer.alloc(PART_BYTES);
    for (let sent = 0; sent < input; sent += value.length) {
      await call.send({ payload: { case: 'stdin', value } });
    }
    call.end();
  }

  void feed();
  return call.responses;
}

/** What a watch ends with when its sandbox is deleted. */
const CANCELLED = 1;
