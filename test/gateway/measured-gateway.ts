// A gateway on an engine in memory that measures itself: node measured-gateway.js FOLDER. It sends its address, and to
// each message the longest time since the last one that its event loop was held, and the memory it has and had.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createFakeEngine } from '../support/fake-engine.js';
import { startTestGateway } from '../support/gateway.js';

const [folder = ''] = process.argv.slice(2);
const delay = monitorEventLoopDelay({ resolution: 5 });
const { gateway } = await startTestGateway(folder, [createFakeEngine().entry()]);
delay.enable();
process.on('message', () => {
  process.send?.({
    heldMs: delay.max / 1e6,
    rss: process.memoryUsage.rss(),
    peak: process.resourceUsage().maxRSS * 1024,
  });
  delay.reset();
});
process.send?.(gateway.address);
