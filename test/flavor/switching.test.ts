import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { flavorNames, readFlavor, specOf } from '../../dist-tools/flavor/choose/flavor-files.js';
import { tsconfigPath } from '../../dist-tools/flavor/choose/flavor-source.js';
import { partProjects } from '../../dist-tools/flavor/choose/projects.js';
import { type Checkout, execute, openCheckout, output, ROOT } from './checkout.js';

const SEQUENCES = 4;
const opened: Checkout[] = [];
after(() => {
  for (const checkout of opened) {
    checkout.remove();
  }
});
function open(): Checkout {
  const checkout = openCheckout();
  opened.push(checkout);
  return checkout;
}

const flavors = flavorNames(ROOT);
const fresh = new Map<string, Map<string, string>>();

/** What a flavor's build leaves in a folder that nothing was built in before. */
async function freshOutput(flavor: string): Promise<Map<string, string>> {
  const known = fresh.get(flavor);
  if (known !== undefined) {
    return known;
  }
  const checkout = open();
  const { status, stdout } = await checkout.compile(tsconfigPath(flavor));
  assert.equal(status, 0, stdout);
  const files = output(checkout.root);
  fresh.set(flavor, files);
  return files;
}

test('a fresh build holds the output of its own parts and of no other', async () => {
  const all = partProjects(ROOT);
  for (const flavor of flavors) {
    const { drivers, parts } = specOf(readFlavor(ROOT, flavor));
    const paths = [...(await freshOutput(flavor)).keys()];
    const held = all
      .filter(({ folder }) => paths.some((path) => path.startsWith(`${folder.slice('src/'.length)}/`)))
      .map(({ word }) => word);
    assert.deepEqual(held, [...drivers, ...parts], flavor);
  }
});

test('npm run build gives the flavor asked for, whatever was built before', async () => {
  const checkout = open();
  const build = (flavor: string) => execute(process.execPath, ['scripts/build.mjs', flavor], checkout.root);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...flavors), { minLength: 1, maxLength: 3 }),
      async (sequence) => {
        for (const flavor of sequence) {
          const { status, stdout, stderr } = await build(flavor);
          assert.equal(status, 0, stdout + stderr);
        }
        const last = sequence.at(-1) as string;
        assert.deepEqual(output(checkout.root), await freshOutput(last), sequence.join(' -> '));
      },
    ),
    { numRuns: SEQUENCES },
  );
});

test('tsc -b alone gives the drivers asked for, although it leaves what is not used', async () => {
  const checkout = open();
  for (const flavor of [...flavors, ...[...flavors].reverse()]) {
    const { status, stdout } = await checkout.compile(tsconfigPath(flavor));
    assert.equal(status, 0, stdout);
    const version = await checkout.node(['dist/main.js', '--version', '--json']);
    const { drivers, parts } = specOf(readFlavor(ROOT, flavor));
    const info = JSON.parse(version.stdout);
    assert.deepEqual([info.flavor, info.drivers, info.parts], [flavor, drivers, parts]);
  }
});
