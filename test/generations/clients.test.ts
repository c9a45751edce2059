import { type TestContext, test } from 'node:test';
import { type ClientBed, dockerBed, dockerMissing, memoryBed } from './bed.js';
import { clientMissing, runClient } from './python-client.js';

const V00 = '0.0.116';

const on =
  (bed: () => Promise<ClientBed>, run: (bed: ClientBed) => Promise<unknown>) => async (t: TestContext) => {
    for (const version of [V00]) {
      const missing = await clientMissing(version);
      if (missing !== undefined) return t.skip(missing);
    }
    const opened = await bed();
    try {
      await run(opened);
    } finally {
      await opened.close();
    }
  };

const v00 = ({ endpoint, image, env }: ClientBed) => runClient(V00, 'v00.py', [endpoint, image, 'old'], env);

const docker = await dockerMissing();

test(`SDK ${V00} on an engine in memory`, on(memoryBed, v00));

test(`SDK ${V00} against the built gateway on Docker`, { skip: docker ?? false }, on(dockerBed, v00));
