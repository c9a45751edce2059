// A gateway on an engine in memory that measures itself: node measured-gateway.js FOLDER. It sends its address, and to
// each message the longest time since the last one that its event loop was held, and by how much it grew at most.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createFakeEngine } from '../support/fake-engine.js';
import { startTestGateway } from '../support/gateway.js';
import { followGrowth, type Growth } from '../support/growth.js';

const [folder = ''] = process.argv.slice(2);
const delay = monitorEventLoopDelay({ resolution: 5 });
const { gateway } = await startTestGateway(folder, [createFakeEngine().entry()]);
delay.enable();
let growth: Growth | undefined;
process.on('message', () => {
  process.send?.({ heldMs: delay.max / 1e6, grownMib: growth?.mostMib() ?? 0 });
  growth?.stop();
  growth = followGrowth([process.pid]);
  delay.reset();
});
process.send?.(gateway.address);
