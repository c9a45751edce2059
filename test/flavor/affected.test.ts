import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { flavorNames, readFlavor, specOf } from '../../dist-tools/flavor/choose/flavor-files.js';
import { tempFolder } from '../support/folder.js';
import { type Checkout, openCheckout, ROOT } from './checkout.js';

let checkout: Checkout;
const { path: folder, remove } = tempFolder();
before(() => {
  checkout = openCheckout();
});
after(() => {
  checkout.remove();
  remove();
});

function holders(driver: string): string[] {
  return flavorNames(ROOT).filter((name) => specOf(readFlavor(ROOT, name)).drivers.includes(driver));
}

interface Row {
  readonly flavor: string;
  readonly versions: string[];
  readonly through: string[];
}

async function affected(query: string): Promise<Row[]> {
  const { status, stdout, stderr } = await checkout.flavor('affected', '--package', query, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout).flavors;
}

test('a client is in the flavors of its driver and in no other', async () => {
  for (const [name, driver] of [
    ['dockerode', 'docker'],
    ['@kubernetes/client-node', 'kubernetes'],
  ] as const) {
    const hit = (await affected(name)).filter(({ versions }) => versions.length > 0);
    assert.deepEqual(
      hit.map(({ flavor }) => flavor),
      holders(driver),
    );
    for (const { through } of hit) {
      assert.deepEqual(through, [driver]);
    }
  }
});

test('what a package of a driver can do without is in no artifact', async () => {
  for (const name of ['cpu-features', 'nan', 'buildcheck']) {
    assert.ok(
      (await affected(name)).every(({ versions }) => versions.length === 0),
      name,
    );
  }
  assert.ok((await affected('@photostructure/sqlite')).every(({ versions }) => versions.length === 1));
});

test('a range that no version meets affects nothing; the core is in every flavor', async () => {
  assert.ok((await affected('dockerode@<0.0.1')).every(({ versions }) => versions.length === 0));
  assert.ok((await affected('@grpc/grpc-js')).every(({ through }) => through.includes('core')));
});

test('the OpenVEX document names the flavors that do not hold the package, and is the same twice', async () => {
  const write = async (file: string) => {
    const path = join(folder, file);
    const call = ['affected', '--package', 'dockerode', '--vulnerability', 'CVE-2026-0001', '--vex', path];
    assert.equal((await checkout.flavor(...call)).status, 0);
    return readFileSync(path, 'utf8');
  };
  const text = await write('one.json');
  assert.equal(await write('two.json'), text);
  const [statement] = JSON.parse(text).statements;
  assert.equal(statement.status, 'not_affected');
  assert.equal(statement.justification, 'component_not_present');
  const free = flavorNames(ROOT).filter((name) => !holders('docker').includes(name));
  const products = statement.products.map((product: { '@id': string }) =>
    product['@id'].replace(/@[^@]*$/, ''),
  );
  assert.deepEqual(
    products,
    free.map((name) => `pkg:generic/openshell-gateway-${name}`),
  );
});

test('a package that no flavor could hold is a question, not an all-clear', async () => {
  const { status, stderr } = await checkout.flavor('affected', '--package', 'dockerod');
  assert.equal(status, 2);
  assert.match(stderr, /no package 'dockerod'.*did you mean 'dockerode'\?/);
});

async function fromConfig(text: string) {
  const path = join(folder, 'gateway.toml');
  writeFileSync(path, text);
  return checkout.flavor('from-config', path, '--json');
}

test('from-config finds the smallest flavor and says why', async () => {
  const one = JSON.parse((await fromConfig('[openshell.gateway]\ncompute_drivers = ["docker"]\n')).stdout);
  assert.deepEqual(
    [one.name, one.drivers, one.parts, one.exists],
    ['docker', ['docker'], ['store-sqlite'], true],
  );
  assert.match(one.reasons.join('\n'), /docker: compute_drivers names it/);
  const external = JSON.parse(
    (
      await fromConfig(
        '[openshell.gateway]\ncompute_drivers = ["docker", "podman"]\n[openshell.drivers.podman]\nsocket_path = "/run/podman-driver.sock"\n',
      )
    ).stdout,
  );
  assert.deepEqual(external.drivers, ['docker']);
  assert.match(external.reasons.join('\n'), /podman: not needed, it runs in its own process/);
  const any = JSON.parse((await fromConfig('')).stdout);
  assert.ok(any.drivers.includes('docker') && any.drivers.includes('podman'));
});

test('from-config refuses a file that the gateway would refuse', async () => {
  const { status, stderr } = await fromConfig('[openshell.gateway]\nprot = 1\n');
  assert.equal(status, 2);
  assert.match(stderr, /prot/);
});

test('diff shows what one flavor has and the other has not', async () => {
  const { stdout } = await checkout.flavor('diff', 'docker', 'podman', '--json');
  const [docker, podman] = JSON.parse(stdout).sides;
  assert.deepEqual([docker.only, podman.only], [['docker'], ['podman']]);
  assert.ok(docker.packages.some(({ name }: { name: string }) => name === 'dockerode'));
  assert.ok(docker.bytes > 0);
});
