import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { logLine } from '../../dist/cli/commands/logs.js';
import { plain } from '../../dist/cli/output/plain.js';
import { printable } from '../../dist/cli/output/printable.js';
import { details, table } from '../../dist/cli/output/table.js';
import { toYaml } from '../../dist/cli/output/yaml.js';
import { age } from '../../dist/cli/views/sandbox-view.js';
import {
  ExecSandboxEventSchema,
  GetSandboxConfigResponseSchema,
  SandboxLogLineSchema,
  SandboxSchema,
} from '../../dist/wire/v00/index.js';
import { failedSandbox, ready } from './support/sandboxes.js';

const HOSTILE = [
  ...['', ' ', 'true', 'No', 'null', '~', '-', '- a', ': ', '#', 'a: b', 'a #b', '1', '0x1f', '1e3', '1:30'],
  ...[
    '2024-01-01',
    '.inf',
    '.nan',
    '<<',
    '=',
    '!!js',
    '&a',
    '*a',
    '|',
    '>',
    '%',
    '@',
    '`',
    '{',
    '[',
    '"',
    "'",
  ],
  ...[
    'line\nline',
    '\ttab',
    'nul\0',
    '\u0085\u2028\u2029\ufeff',
    '\ud800',
    '\u{1f600}',
    '\x1b[2J',
    'y',
    'on',
  ],
];
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...HOSTILE));

test('YAML of any JSON value reads back as that value', () => {
  const values = fc.letrec((tie) => ({
    leaf: fc.oneof(
      text,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    ),
    value: fc.oneof(
      { depthSize: 'small' },
      tie('leaf'),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  })).value;
  fc.assert(
    fc.property(values, (value) => {
      const expected = JSON.parse(JSON.stringify(value));
      assert.deepEqual(load(toYaml(value)), expected);
    }),
    { numRuns: 1000 },
  );
});

test('YAML keeps ordinary words bare', () => {
  const value = {
    metadata: { name: 'box-1', labels: {} },
    list: [{ a: 1, b: ['x'] }, []],
    image: 'debian:13',
  };
  assert.equal(
    toYaml(value),
    'metadata:\n  name: box-1\n  labels: {}\nlist:\n  - a: 1\n    b:\n      - x\n  - []\nimage: "debian:13"\n',
  );
});

test('a sandbox is shown with its names on the wire and words for enums', () => {
  const shown = plain(SandboxSchema, ready) as Record<string, Record<string, unknown>>;
  assert.equal(shown.metadata?.created_at_ms, 1_700_000_000_000);
  assert.equal(shown.metadata?.resource_version, 7);
  assert.deepEqual(shown.metadata?.annotations, {});
  assert.equal(shown.status?.phase, 'ready');
  assert.deepEqual(shown.status?.conditions, []);
  assert.equal('exit_code' in (shown.status ?? {}), false);
  assert.equal('policy' in (shown.spec ?? {}), false);
  const failed = plain(SandboxSchema, failedSandbox('MainProcessExited', 'gone', 0));
  assert.equal((failed.status as Record<string, unknown>).exit_code, 0);
});

test('64-bit integers beyond 2^53 are strings, chosen oneof members stand alone, unknown enum values are numbers', () => {
  const config = create(GetSandboxConfigResponseSchema, {
    configRevision: 2n ** 63n,
    providerEnvRevision: 3n,
  });
  const shown = plain(GetSandboxConfigResponseSchema, config);
  assert.equal(shown.config_revision, '9223372036854775808');
  assert.equal(shown.provider_env_revision, 3);
  const event = create(ExecSandboxEventSchema, {
    payload: { case: 'stdout', value: { data: Buffer.from('hi') } },
  });
  assert.deepEqual(plain(ExecSandboxEventSchema, event), { stdout: { data: 'aGk=' } });
  const odd = create(SandboxSchema, { status: { phase: 99 as never } });
  assert.equal((plain(SandboxSchema, odd).status as Record<string, unknown>).phase, '99');
});

test('structs are shown as the JSON that they stand for', () => {
  const sandbox = create(SandboxSchema, {
    spec: { template: { driverConfig: { docker: { mounts: [{ a: null, b: 1.5 }] } } } },
  });
  const { spec } = plain(SandboxSchema, sandbox) as { spec: { template: Record<string, unknown> } };
  assert.deepEqual(spec.template.driver_config, { docker: { mounts: [{ a: null, b: 1.5 }] } });
});

test('nothing that a gateway sends can steer the terminal', () => {
  assert.equal(printable('a\x1b[2Jb\r\n\tc\u202e\x9b'), 'a\\x1b[2Jb\\x0d\\x0a\tc\\u202e\\x9b');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (anything) => {
      assert.doesNotMatch(printable(anything), /[^\P{Cc}\t]/u);
      assert.equal(table(['A'], [[anything]]).split('\n').length, 3);
    }),
  );
});

test('tables align, and details leave out what is not known', () => {
  assert.equal(table(['NAME', 'AGE'], [['long-name', '1s']]), 'NAME       AGE\nlong-name  1s\n');
  assert.equal(table(['NAME'], []), 'NAME\n');
  assert.equal(
    details([
      ['Name', 'x'],
      ['Reason', undefined],
      ['Id', 'y'],
    ]),
    'Name:  x\nId:    y\n',
  );
});

test('ages are whole units', () => {
  assert.deepEqual([-5, 0, 59_999, 60_000, 7_200_000, 90_000_000].map(age), [
    '0s',
    '0s',
    '59s',
    '1m',
    '2h',
    '1d',
  ]);
});

test('a log line is one line', () => {
  const line = create(SandboxLogLineSchema, {
    timestampMs: 0n,
    level: 'INFO',
    source: 'sandbox',
    target: 'stderr',
    message: 'a\nb',
    fields: { k: 'v' },
  });
  assert.equal(logLine(line), '1970-01-01T00:00:00.000Z INFO  [sandbox stderr] a\\x0ab k=v\n');
});
