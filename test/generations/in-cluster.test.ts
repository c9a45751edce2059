import { test } from 'node:test';
import { tempFolder } from '../support/folder.js';
import { activeGateway } from './bed.js';
import { clientMissing, runClient } from './python-client.js';

/** HOST:PORT of a gateway that runs somewhere else: test/engines/kubernetes/gateway prints one. */
const address = process.env.OPENSHELL_TEST_GATEWAY;
const image = process.env.OPENSHELL_TEST_GATEWAY_IMAGE ?? 'openshell.test/shell:1';
const skip = address === undefined && 'OPENSHELL_TEST_GATEWAY names no gateway';

for (const [version, script, prefix] of [
  ['0.0.116', 'v00.py', 'old'],
  ['0.1.5', 'v01.py', 'new'],
] as const) {
  test(`SDK ${version} against a gateway in a cluster, through its Service`, { skip }, async (t) => {
    const missing = await clientMissing(version);
    if (missing !== undefined) {
      return t.skip(missing);
    }
    const folder = tempFolder();
    t.after(() => folder.remove());
    const env = await activeGateway(folder.path, address ?? '');
    await runClient(version, script, [address ?? '', image, prefix], env);
  });
}
