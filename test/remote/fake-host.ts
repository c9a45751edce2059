// A driver process as `openshell-driver-*` is one, around an engine in memory:
//   node fake-host.js --bind-socket PATH --config FILE
import { runHost } from '../../dist/host/run-host.js';
import { createFakeEngine, printing } from '../support/fake-engine.js';

const engine = createFakeEngine();
engine.exec = (_, { command }) => printing([{ stream: 'stdout', data: Buffer.from(command.join(' ')) }], 0);
// Who follows a log without a line is told nothing.
engine.logs = [{ timeMs: 1, stream: 'stdout', message: 'line' }];
engine.workspaces = new Set();
// All but the first: else each list would tell all that was ever created.
engine.before = () => {
  for (const id of [...engine.resources.keys()].slice(1)) {
    engine.resources.delete(id);
  }
};
process.exitCode = await runHost({ entry: engine.entry(), argv: process.argv.slice(2), env: process.env });
