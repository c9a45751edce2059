// A gateway on an engine in memory that measures itself: node measured-gateway.js FOLDER. It sends its address, and to
// each message the longest time since the last one that its event loop was held, and by how much it grew at most.
import { createFakeEngine } from '../support/fake-engine.js';
import { startTestGateway } from '../support/gateway.js';
import { followGrowth, type Growth } from '../support/growth.js';

const TICK_MS = 5;

const [folder = ''] = process.argv.slice(2);
const { gateway } = await startTestGateway(folder, [createFakeEngine().entry()]);
let growth: Growth | undefined;
let heldMs = 0;

function now() {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1_000 };
}

let last = now();
// Between two ticks, what this process worked: other processes that have the processor meanwhile do not count.
setInterval(() => {
  const next = now();
  heldMs = Math.max(heldMs, Math.min(next.wallMs - last.wallMs, next.cpuMs - last.cpuMs) - TICK_MS);
  last = next;
}, TICK_MS);
process.on('message', () => {
  process.send?.({ heldMs, grownMib: growth?.mostMib() ?? 0 });
  growth?.stop();
  growth = followGrowth([process.pid]);
  heldMs = 0;
});
process.send?.(gateway.address);
