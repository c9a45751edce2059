/**
 * GetSandbox through a gateway with 10,000 stored sandboxes against one with 100, alternated. Needs no engine; some
 * 40 s, most of it for making the sandboxes.
 */
import { buildFlavor } from './lib/builds.mjs';
import { withCleanup } from './lib/cleanup.mjs';
import { tempFolder } from './lib/gateway.mjs';
import { startMemoryGateway } from './lib/memory.mjs';
import { createRawClient } from './lib/raw-client.mjs';
import { report } from './lib/report.mjs';
import { alternate, quantile, timed } from './lib/samples.mjs';

const FEW = 100;
const MANY = 10_000;
const WARM_UP = 1_000;
const ROUNDS = 3_000;
const LISTS = 300;
const PAGE = 100;
/** What two equal gateways differ by at their p99 on a shared machine. */
const NOISE = 1.25;

await withCleanup(async (later) => {
  const dist = buildFlavor('docker');

  async function open(count) {
    const folder = tempFolder();
    later(folder.remove);
    const gateway = await startMemoryGateway({ dist, folder: folder.path, count });
    later(gateway.stop);
    const client = createRawClient(gateway.address);
    later(client.close);
    const { getSandbox, listSandboxes } = gateway.methods;
    function anyName() {
      return `s-${Math.floor(Math.random() * count)}`;
    }

    const page = listSandboxes.encodeRequest({ limit: PAGE });
    return {
      get: () => {
        const request = getSandbox.encodeRequest({ name: anyName() });
        return timed(() => client.unary(getSandbox.path, request));
      },
      list: () => timed(() => client.unary(listSandboxes.path, page)),
    };
  }

  const few = await open(FEW);
  const many = await open(MANY);
  await alternate(WARM_UP, { few: few.get, many: many.get });
  const get = await alternate(ROUNDS, { few: few.get, many: many.get });
  const list = await alternate(LISTS, { few: few.list, many: many.list });
  function line(what, samples, part, most) {
    return {
      what,
      ours: quantile(samples.many, part),
      base: quantile(samples.few, part),
      unit: 'ms',
      most,
    };
  }

  report({
    name: 'scale',
    about: `a gateway with ${MANY} stored sandboxes against one with ${FEW}, ${ROUNDS} calls of each`,
    base: `with ${FEW}`,
    rows: [
      line('GetSandbox, p50', get, 0.5),
      line('GetSandbox, p99', get, 0.99, NOISE),
      line(`ListSandboxes, first page of ${PAGE}, p50`, list, 0.5),
    ],
  });
});
