/**
 * From the start of a gateway process to its first answered Health, against a Node that only imports grpc-js; and the
 * default flavor with Docker selected against the docker flavor. Needs Docker; some 30 s.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { firstHealth } from './lib/first-health.mjs';
import { environment, tempFolder } from './lib/gateway.mjs';
import { report } from './lib/report.mjs';
import { alternate, median, timed } from './lib/samples.mjs';

const ROUNDS = 12;
/** What two starts of the same flavor differ by. */
const NOISE = 1.1;
/** Milliseconds to the first answered Health. */
function gatewayStart(dist, folder) {
  const file = join(folder, 'gateway.toml');
  writeFileSync(file, '[openshell.gateway]\ncompute_drivers = ["docker"]\n');
  function args(port) {
    return [join(dist, 'main.js'), '--config', file, '--port', String(port)];
  }

  return firstHealth(process.execPath, args, { env: environment(folder) });
}

/** Milliseconds until a Node without anything of ours has imported grpc-js. */
function importOnly() {
  return timed(async () => {
    const code = "import '@grpc/grpc-js'; process.stdout.write('imported');";
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
  });
}

await withCleanup(async (later) => {
  const dist = { docker: buildFlavor('docker'), whole: buildFlavor('default') };
  const folder = tempFolder();
  later(folder.remove);
  const works = {
    bare: importOnly,
    docker: () => gatewayStart(dist.docker, folder.path),
    whole: () => gatewayStart(dist.whole, folder.path),
  };
  await alternate(1, works);
  const samples = await alternate(ROUNDS, works);
  const { bare, docker, whole } = Object.fromEntries(
    Object.entries(samples).map(([name, all]) => [name, median(all)]),
  );
  report({
    name: 'startup',
    about: `process start to the first answered Health, p50 of ${ROUNDS}`,
    base: 'against',
    rows: [
      { what: 'docker flavor, against `node -e` importing grpc-js', ours: docker, base: bare, unit: 'ms' },
      {
        what: 'default flavor with docker selected, against docker flavor',
        ours: whole,
        base: docker,
        unit: 'ms',
        most: NOISE,
      },
    ],
  });
});
