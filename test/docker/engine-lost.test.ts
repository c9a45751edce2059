import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { dockerBed, dockerDriver } from '../conformance/docker-bed.js';
import { watchLog } from '../conformance/watch-log.js';
import { tempFolder } from '../support/folder.js';
import { collect, openExec } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { onDocker } from './real-engine.js';

const ENGINE = /^unix:\/\/(.+)$/.exec(process.env.DOCKER_HOST ?? '')?.[1] ?? '/var/run/docker.sock';

/** A socket before the engine's that can be cut as if the engine had died. */
async function createCut(path: string) {
  const open = new Set<Socket>();
  let server: Server;
  const listen = () =>
    new Promise<void>((resolve) => {
      server = createServer({ allowHalfOpen: true }, (near) => {
        const far = connect({ path: ENGINE, allowHalfOpen: true });
        for (const socket of [near, far]) {
          open.add(socket);
          socket.on('error', () => {}).on('close', () => open.delete(socket));
        }
        near.pipe(far).pipe(near);
      });
      server.listen(path, resolve);
    });
  await listen();
  return {
    mend: listen,
    cut: () => {
      for (const socket of open) {
        socket.destroy();
      }
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

await onDocker('docker: the engine disappears', ({ check, bed }) => {
  check('calls, execs and watches say so, and the same driver works again', async ({ signal }) => {
    const gatewayId = randomUUID();
    const { path: folder, remove } = tempFolder();
    const path = join(folder, 'engine.sock');
    const engine = await createCut(path);
    const driver: ComputeDriver = await dockerDriver(gatewayId, {}, path);
    const sandbox = aSandbox(bed.images.shell);
    try {
      const watch = watchLog(driver);
      await watch.synced();
      await driver.create(sandbox, { signal });
      const session = await openExec(driver, sandbox, ['/bin/sh', '-c', 'echo on; sleep 600']);
      const result = collect(session);
      result.catch(() => {});

      await engine.cut();
      await assert.rejects(result, { code: Code.UNAVAILABLE });
      const ended = OpenShellError.from(await watch.ended);
      assert.deepEqual([ended.code, ended.reason], [Code.UNAVAILABLE, 'EngineUnavailable']);
      for (const call of [
        () => driver.list({ signal }),
        () => driver.get(sandbox, { signal }),
        () => driver.stop(sandbox, { signal }),
        () => driver.delete(sandbox, { signal }),
        () => driver.create(aSandbox(bed.images.shell), { signal }),
        () => openExec(driver, sandbox, ['true']),
      ]) {
        await assert.rejects(call(), { code: Code.UNAVAILABLE, reason: 'EngineUnavailable' });
      }

      await engine.mend();
      const again = watchLog(driver);
      await again.sees(sandbox.id, 'running');
      assert.equal(await driver.delete(sandbox, { signal }), true);
      await again.seesDeleted(sandbox.id);
      await again.stop();
    } finally {
      await driver.close();
      await engine.cut();
      await dockerBed().cleanup(gatewayId);
      remove();
    }
  });
});
