import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { skipWithout } from '../support/engines.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { startGatewayProcess } from '../system/process.js';
import { hostExec } from './host-exec.js';

const execute = promisify(execFile);

/** A gateway that real clients can reach, on some engine. */
export interface ClientBed {
  /** `127.0.0.1:PORT`, plaintext. */
  readonly endpoint: string;
  readonly image: string;
  /** For the clients: their configuration folder names this gateway as the active one. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** In this process, on an engine in memory that runs its execs on the host. */
export async function memoryBed(): Promise<ClientBed> {
  const folder = tempFolder();
  const engine = createFakeEngine();
  engine.exec = (_, spec) => hostExec(spec);
  const { gateway, close } = await startTestGateway(folder.path, [engine.entry()]);
  return {
    endpoint: gateway.address,
    image: 'test:1',
    env: await activeGateway(folder.path, gateway.address),
    async close() {
      await close();
      folder.remove();
    },
  };
}

/** The built gateway as a process of its own, on Docker. */
export async function dockerBed(): Promise<ClientBed> {
  const folder = tempFolder();
  const gateway = await startGatewayProcess({
    folder: join(folder.path, 'gateway'),
    config: '[openshell.gateway]\ncompute_drivers = ["docker"]\n',
  });
  return {
    endpoint: gateway.address,
    image: 'openshell-test:1',
    env: await activeGateway(folder.path, gateway.address),
    async close() {
      await gateway.stop();
      folder.remove();
    },
  };
}

/** The `skip` of tests on Docker: false, or why there is none. */
export async function withoutDocker(): Promise<string | false> {
  const why = await execute('docker', ['image', 'inspect', 'openshell-test:1'], { timeout: 20_000 }).then(
    () => undefined,
    () => 'no Docker with the test images: run test/engines/docker/up and test/engines/docker/image',
  );
  return skipWithout('docker', why);
}

/** A client's configuration that names this gateway, as variables of its environment. */
export async function activeGateway(folder: string, address: string): Promise<Record<string, string>> {
  const openshell = join(folder, 'client', 'openshell');
  await mkdir(join(openshell, 'gateways', 'test'), { recursive: true });
  await writeFile(join(openshell, 'active_gateway'), 'test');
  const metadata = { name: 'test', gateway_endpoint: `http://${address}`, auth_mode: 'plaintext' };
  await writeFile(join(openshell, 'gateways', 'test', 'metadata.json'), JSON.stringify(metadata));
  return { XDG_CONFIG_HOME: join(folder, 'client') };
}
