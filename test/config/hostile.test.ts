import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OpenShellError } from '../../dist/compute/errors.js';
import { parseCommandLine } from '../../dist/config/command-line.js';
import { createHome } from './support.js';

const { problems } = createHome();

/** Lines that look like a configuration more often than chance would make them. */
const line = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '[openshell',
    '[openshell.gateway]',
    '[openshell.drivers.docker]',
    '[[openshell.gateway]]',
    '[__proto__]',
  ),
  fc
    .tuple(
      fc.constantFrom(
        'log_level',
        'compute_drivers',
        'compute_drivers[]',
        '__proto__',
        'constructor',
        'tls',
        'a.b',
        '"q"',
      ),
      fc.constantFrom('=', ' = ', ':', ''),
      fc.oneof(
        fc.constantFrom(
          '1',
          'true',
          '"',
          "'",
          '"""',
          '[',
          '{',
          '{ __proto__ = 1 }',
          '1979-05-27',
          'inf',
          '99999999999999999999',
        ),
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.json({ maxDepth: 3 }),
      ),
    )
    .map((parts) => parts.join('')),
);
const document = fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n'));

for (const name of ['gateway.toml', 'gateway.ini']) {
  test(`no text as ${name} ends in anything but values or problems`, async () => {
    await fc.assert(
      fc.asyncProperty(document, async (text) => {
        for (const problem of await problems({ files: { [name]: text } })) {
          assert.match(problem, /^~\/gateway/);
        }
      }),
      { numRuns: 300 },
    );
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
    assert.deepEqual(Object.keys(Object.prototype), []);
  });

  test(`no bytes as ${name} do either`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await problems({ files: { [name]: bytes } });
      }),
      { numRuns: 150 },
    );
  });
}

test('no command line ends in anything but a command or a usage error', () => {
  const word = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.constantFrom(
      '--',
      '-',
      '--=',
      '--port',
      '--port=',
      '--drivers',
      '--json',
      '-h',
      '-Vh',
      '--__proto__',
      '--constructor=1',
    ),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      try {
        parseCommandLine(argv);
      } catch (error) {
        assert.ok(error instanceof OpenShellError);
        assert.equal(error.reason, 'InvalidUsage');
      }
    }),
    { numRuns: 500 },
  );
});

test('no value of a flag or variable ends in anything but values or problems', async () => {
  const value = fc.string({ unit: 'binary', maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(value, value, value, value, async (address, drivers, url, endpoint) => {
      await problems({
        argv: [`--bind-address=${address}`, `--drivers=${drivers}`],
        env: {
          OPENSHELL_DB_URL: url,
          OPENSHELL_TELEMETRY_ENDPOINT: endpoint,
          OPENSHELL_SERVER_PORT: address,
        },
      });
    }),
    { numRuns: 200 },
  );
});

test('a file of one long line is read in good time', async () => {
  for (const name of ['gateway.toml', 'gateway.ini']) {
    for (const text of [
      '['.repeat(200_000),
      `${' '.repeat(500_000)}=`,
      `a = "${'\\\\'.repeat(200_000)}`,
      '"'.repeat(200_000),
    ]) {
      assert.equal((await problems({ files: { [name]: text } })).length > 0, true);
    }
  }
});
