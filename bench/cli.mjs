/**
 * `openshell status` and `openshell sandbox list`, from the start of the process to its end, from the build and from
 * the executable: against a Node that makes one call with grpc-js and ends, against the same command over the full
 * client, and against a Node that does nothing. Packages the docker flavor first; needs no engine; some two minutes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedNode } from '../dist-tools/flavor/package/release.js';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { environment, tempFolder } from './lib/gateway.mjs';
import { startMemoryGateway } from './lib/memory.mjs';
import { report } from './lib/report.mjs';
import { alternate, median, timed } from './lib/samples.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const ROUNDS = 12;
const SANDBOXES = 10;

/** What the least client that grpc-js makes does. */
function oneCall(address) {
  return `
import { Client, credentials } from '@grpc/grpc-js';
const same = (bytes) => bytes;
const client = new Client('${address}', credentials.createInsecure());
const done = (error) => process.exit(error === null ? 0 : 1);
client.makeUnaryRequest('/openshell.v1.OpenShell/Health', same, same, Buffer.alloc(0), done);
`;
}

function packageExecutable(out) {
  const tool = join(root, 'tools', 'flavor', 'openshell-flavor.mjs');
  const args = [tool, 'package', 'docker', '--out', out, '--only', 'executable', '--without-agent'];
  execFileSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  return join(
    out,
    readdirSync(out).find((name) => /-linux-[a-z0-9]+$/.test(name)),
  );
}

/** Milliseconds from the start of a command to its end. */
function runs([file, ...args], env) {
  return timed(async () => {
    const child = spawn(file, args, { env, cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = await once(child, 'exit');
    if (code !== 0) {
      throw new Error(`${file} ${args.join(' ')} ended with ${code}`);
    }
  });
}

await withCleanup(async (later) => {
  const folder = tempFolder();
  later(folder.remove);
  const executable = packageExecutable(join(folder.path, 'out'));
  const dist = buildFlavor('docker');
  const gateway = await startMemoryGateway({ dist, folder: folder.path, count: SANDBOXES });
  later(gateway.stop);

  const env = {
    ...Object.fromEntries(
      Object.entries(environment(folder.path)).filter(([name]) => !/^GRPC_|_proxy$/.test(name)),
    ),
    XDG_CACHE_HOME: folder.path,
    OPENSHELL_GATEWAY_ENDPOINT: `http://${gateway.address}`,
  };
  // A setting of grpc-js has the full client make the calls.
  const throughFull = { ...env, GRPC_VERBOSITY: 'NONE' };
  const built = [process.execPath, join(dist, 'cli', 'main.js')];
  const packaged = [executable, 'cli'];
  const list = ['sandbox', 'list'];
  const works = {
    nothing: () => runs([process.execPath, '-e', '0'], env),
    oneCall: () => runs([process.execPath, '--input-type=module', '-e', oneCall(gateway.address)], env),
    status: () => runs([...built, 'status'], env),
    statusFull: () => runs([...built, 'status'], throughFull),
    list: () => runs([...built, ...list], env),
    listFull: () => runs([...built, ...list], throughFull),
    pinned: () => runs([pinnedNode(root).path, '-e', '0'], env),
    packaged: () => runs([...packaged, 'status'], env),
    packagedFull: () => runs([...packaged, 'status'], throughFull),
  };
  // Twice: the first run leaves what V8 keeps of a module, where Node does.
  await alternate(2, works);
  const samples = await alternate(ROUNDS, works);
  function row(what, ours, base, most) {
    return {
      what,
      ours: median(samples[ours]),
      base: median(samples[base]),
      unit: 'ms',
      most,
    };
  }

  report({
    name: 'cli',
    about: `process start to its end, p50 of ${ROUNDS}`,
    base: 'against',
    rows: [
      row('status, against `node -e` that makes one call with grpc-js', 'status', 'oneCall', 0.9),
      row('status, against the same over the full client', 'status', 'statusFull', 0.75),
      row('status, against `node -e 0`', 'status', 'nothing'),
      row('sandbox list, against the same over the full client', 'list', 'listFull', 0.9),
      row('status of the executable, against the same over the full client', 'packaged', 'packagedFull', 0.9),
      row('status of the executable, against `node -e 0` of its Node', 'packaged', 'pinned'),
    ],
  });
});
