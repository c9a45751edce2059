import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openApi } from './api.mjs';
import { buildFlavor } from './builds.mjs';
import { withCleanup } from './cleanup.mjs';
import { startGateway, tempFolder } from './gateway.mjs';
import { report } from './report.mjs';
import { alternate, atOnce, median, timed } from './samples.mjs';

const ROUNDS = 20;
const ECHO_ROUNDS = 30;
const BULK_ROUNDS = 3;
/** A flood's first rounds run code that is not compiled yet, on both sides. */
const FLOOD_ROUNDS = { first: 3, counted: 7 };
const SANDBOXES = { count: 50, width: 8 };
const EXECS = { count: 64, width: 16 };
const MIB = 64;

const ECHO = ['echo', 'hello'];
const FLOOD = ['dd', 'if=/dev/zero', 'bs=65536', `count=${MIB * 16}`];
function ignore() {}

/** Both sides with the same four operations: create (until it runs), exec, remove (ms until it is gone). */
function sides(api, bare) {
  return {
    gateway: {
      async create(name) {
        const id = await api.create(name);
        await api.ready(id);
        return { id, name };
      },
      exec: ({ id }, command, onData) => api.exec(id, command, onData),
      remove: ({ id, name }) => api.remove(id, name),
    },
    bare: { ...bare, remove: (container) => timed(() => bare.remove(container)) },
  };
}

function both(work) {
  return { gateway: () => work('gateway'), bare: () => work('bare') };
}

function pick(samples, key) {
  return Object.fromEntries(Object.entries(samples).map(([side, all]) => [side, all.map((one) => one[key])]));
}

function line(what, unit, samples, target) {
  return {
    what,
    unit,
    ours: median(samples.gateway),
    base: median(samples.bare),
    ...target,
  };
}

/**
 * The gateway with one driver on its real engine against the same engine's calls made bare, alternated; reports as
 * `name`. Two sets of sandboxes with two gateway ids are made and removed by them at the end, however that comes.
 *   flavor, table   the build to measure, and the lines of `[openshell.drivers.FLAVOR]`
 *   base            what the bare side is, for the report's head
 *   open            ({ dist, owner }) gives the bare side: create(name), exec(sandbox, command, onData) and
 *                   remove(sandbox), for sandboxes of that owner, removeOwned(owner), and maybe openRelay()
 */
export async function benchEngine({ name: title, flavor, table, image, base, open }) {
  return withCleanup(async (later) => {
    const dist = buildFlavor(flavor);
    // As the CLI has it; the bare side runs in this process too.
    const { freeBuffersAtOnce } = await import(pathToFileURL(join(dist, 'kit/garbage.js')).href);
    freeBuffersAtOnce();
    const [gatewayId, bareId] = [randomUUID(), randomUUID()];
    const bare = await open({ dist, owner: bareId });
    later(() => Promise.all([gatewayId, bareId].map((owner) => bare.removeOwned(owner))));
    const folder = tempFolder();
    later(folder.remove);
    const gateway = await startGateway({
      script: join(dist, 'main.js'),
      folder: folder.path,
      config: `
[openshell.gateway]
compute_drivers = ["${flavor}"]
default_image = "${image}"
gateway_id = "${gatewayId}"
[openshell.drivers.${flavor}]
${table}
`,
    });
    later(gateway.stop);
    const api = await openApi(dist, gateway.address);
    later(api.close);
    const side = sides(api, bare);
    let made = 0;
    function freshName() {
      return `bench-${made++}`;
    }

    async function life(name) {
      const { create, exec, remove } = side[name];
      const startedAt = performance.now();
      const sandbox = await create(freshName());
      const ready = performance.now() - startedAt;
      let output;
      await exec(sandbox, ECHO, () => {
        output ??= performance.now() - startedAt;
      });
      return { ready, output, gone: await remove(sandbox) };
    }

    await alternate(2, both(life));
    const lives = await alternate(ROUNDS, both(life));

    const held = {
      gateway: await side.gateway.create(freshName()),
      bare: await side.bare.create(freshName()),
    };
    function echo(name) {
      return timed(() => side[name].exec(held[name], ECHO, ignore));
    }

    await alternate(3, both(echo));
    const echoes = await alternate(ECHO_ROUNDS, both(echo));

    async function manyExecs(name) {
      const ms = await timed(() => atOnce(EXECS.count, EXECS.width, () => echo(name)));
      return (EXECS.count * 1000) / ms;
    }

    const execs = await alternate(BULK_ROUNDS, both(manyExecs));

    async function flood(name) {
      let bytes = 0;
      const ms = await timed(() =>
        side[name].exec(held[name], FLOOD, (piece) => {
          bytes += piece.length;
        }),
      );
      if (bytes < MIB * 1024 * 1024) {
        throw new Error(`${name}: ${bytes} bytes of ${MIB} MiB arrived`);
      }
      return (MIB * 1000) / ms;
    }

    const flooded = both(flood);
    const relay = await bare.openRelay?.();
    if (relay !== undefined) {
      later(relay.stop);
      side.relay = relay;
      held.relay = held.bare;
      flooded.relay = () => flood('relay');
    }
    await alternate(FLOOD_ROUNDS.first, flooded);
    const floods = await alternate(FLOOD_ROUNDS.counted, flooded);
    const throughRelay =
      relay && line('the same, bare, through a relay', 'MiB/s', { gateway: floods.relay, bare: floods.bare });

    async function manySandboxes(name) {
      let sandboxes;
      const ms = await timed(async () => {
        sandboxes = await atOnce(SANDBOXES.count, SANDBOXES.width, () => side[name].create(freshName()));
      });
      await atOnce(SANDBOXES.count, SANDBOXES.width, (i) => side[name].remove(sandboxes[i]));
      return (SANDBOXES.count * 1000) / ms;
    }

    const throughput = await alternate(3, both(manySandboxes));

    report({
      name: title,
      about: `p50 of ${ROUNDS} lives of a sandbox, of ${ECHO_ROUNDS} echoes, of ${BULK_ROUNDS} bulk runs, of ${FLOOD_ROUNDS.counted} floods`,
      base,
      rows: [
        line('create to READY', 'ms', pick(lives, 'ready'), { most: 1.1 }),
        line('create to first exec output', 'ms', pick(lives, 'output'), { most: 1.1 }),
        line('delete to gone', 'ms', pick(lives, 'gone'), { most: 1.1 }),
        line('exec of echo', 'ms', echoes, { most: 1.15 }),
        line(`${SANDBOXES.count} sandboxes, ${SANDBOXES.width} at once`, '/s', throughput, { least: 0.9 }),
        line(`${EXECS.count} execs, ${EXECS.width} at once`, '/s', execs, { least: 0.9 }),
        line(`${MIB} MiB of exec output`, 'MiB/s', floods, { least: 0.8 }),
        ...(throughRelay === undefined ? [] : [throughRelay]),
      ],
    });
  });
}
