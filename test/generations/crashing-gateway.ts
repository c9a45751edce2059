// A gateway on an engine in memory that is killed at a chosen moment of a chosen write of its store:
//   node crashing-gateway.js FOLDER before|after|never METHOD
// Prints its address.
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import type { Store } from '../../dist/store/store.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { startTestGateway } from '../support/gateway.js';

const [folder = '', moment, method] = process.argv.slice(2);

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

function crashing(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const call = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      if (name !== method || moment === 'never') {
        return call;
      }
      return async (...args: unknown[]) => {
        if (moment === 'before') {
          return die();
        }
        await call(...args);
        return die();
      };
    },
  });
}

const { gateway } = await startTestGateway(folder, [createFakeEngine().entry()], {
  openStore: async () => crashing(await openStore({ path: `${folder}/openshell.db` })),
});
process.stdout.write(`${gateway.address}\n`);
