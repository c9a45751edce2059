/**
 * What packaging a flavor gains: start to the first answered Health of the docker executable against an executable
 * that only binds a grpc-js server, of the single file against the folder; and idle memory against a build of all
 * drivers that loads every engine's client at its start. Packages two flavors first; needs Docker; some two minutes.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { pinnedNode } from '../dist-tools/flavor/package/release.js';
import { writeSea } from '../dist-tools/flavor/package/sea.js';
import { withCleanup } from './lib/cleanup.mjs';
import { firstHealth } from './lib/first-health.mjs';
import { environment, rssMib, tempFolder } from './lib/gateway.mjs';
import { report } from './lib/report.mjs';
import { alternate, median } from './lib/samples.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const tool = join(root, 'tools', 'flavor', 'openshell-flavor.mjs');
const node = pinnedNode(root).path;
const ROUNDS = 10;
const IDLE_ROUNDS = 3;
const SETTLE_MS = 3_000;

function packageFlavor(flavor, out, only) {
  const args = [tool, 'package', flavor, '--out', out, '--only', only, '--without-agent'];
  execFileSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  function find(pattern) {
    return join(
      out,
      readdirSync(out).find((name) => pattern.test(name)),
    );
  }

  return (pattern) => find(new RegExp(`^openshell-gateway-${flavor}-[\\d.]+${pattern}$`));
}

async function helloExecutable(folder) {
  const scratch = join(folder, 'hello');
  mkdirSync(scratch);
  const outfile = join(scratch, 'hello.cjs');
  const entryPoints = [join(root, 'bench', 'lib', 'hello-server.mjs')];
  await build({ entryPoints, outfile, bundle: true, platform: 'node', target: 'node22.13', format: 'cjs' });
  const executable = join(scratch, 'hello');
  await writeSea(root, { scratch, main: outfile, outfile: executable });
  return executable;
}

await withCleanup(async (later) => {
  const folder = tempFolder();
  later(folder.remove);
  const docker = packageFlavor('docker', folder.path, 'folder,bundle,executable');
  const whole = packageFlavor('default', folder.path, 'folder');
  const executable = docker('-linux-[a-z0-9]+');
  const bundle = docker('\\.cjs');
  const main = join(docker(''), 'dist', 'main.js');
  const hello = await helloExecutable(folder.path);

  const config = join(folder.path, 'gateway.toml');
  writeFileSync(config, '[openshell.gateway]\ncompute_drivers = ["docker"]\n');
  const env = environment(folder.path);
  function serve(port) {
    return ['--config', config, '--port', String(port)];
  }

  function start(words, whileUp) {
    const [file, ...args] = words;
    return firstHealth(file, (port) => [...args, ...serve(port)], { env, whileUp });
  }

  const starts = {
    hello: () => firstHealth(hello, (port) => [String(port)]),
    executable: () => start([executable]),
    bundle: () => start([node, bundle]),
    folder: () => start([node, main]),
  };
  await alternate(1, starts);
  const times = await alternate(ROUNDS, starts);

  const drivers = join(whole(''), 'dist', 'drivers');
  const eager = join(folder.path, 'eager.mjs');
  const loads = readdirSync(drivers).filter((name) => readdirSync(join(drivers, name)).includes('index.js'));
  writeFileSync(
    eager,
    loads.map((name) => `import '${pathToFileURL(join(drivers, name, 'index.js'))}';\n`).join(''),
  );
  async function idle(words) {
    let mib;
    await start(words, async ({ pid }) => {
      await sleep(SETTLE_MS);
      mib = rssMib(pid);
    });
    return mib;
  }

  const memory = await alternate(IDLE_ROUNDS, {
    eager: () => idle([node, '--import', eager, join(whole(''), 'dist', 'main.js')]),
    folder: () => idle([node, main]),
    bundle: () => idle([node, bundle]),
  });
  function ms(name) {
    return median(times[name]);
  }

  function mib(name) {
    return median(memory[name]);
  }

  report({
    name: 'flavors',
    about: `docker flavor on Docker; starts to the first answered Health, p50 of ${ROUNDS}`,
    base: 'against',
    rows: [
      {
        what: 'executable, against one that only binds grpc-js',
        ours: ms('executable'),
        base: ms('hello'),
        unit: 'ms',
        most: 1.6,
      },
      {
        what: 'single file, against the folder',
        ours: ms('bundle'),
        base: ms('folder'),
        unit: 'ms',
        most: 0.6,
      },
      {
        what: 'idle memory, folder, against all clients loaded',
        ours: mib('folder'),
        base: mib('eager'),
        unit: 'MiB',
        most: 0.55,
      },
      {
        what: 'idle memory, single file, against all clients loaded',
        ours: mib('bundle'),
        base: mib('eager'),
        unit: 'MiB',
      },
    ],
  });
});
