import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import fc from 'fast-check';
import { enumWord, plain } from '../../dist/cli/output/plain.js';
import { type Fields, readFields } from '../../dist/cli/plain/fields.js';
import { CURRENT_USER, GATEWAY_INFO, HEALTH, plainMethods } from '../../dist/cli/plain/methods.js';
import {
  GetCurrentUserResponseSchema,
  GetGatewayInfoResponseSchema,
  HealthResponseSchema,
  methods,
} from '../../dist/wire/v00/index.js';

const TABLES: readonly (readonly [Fields, DescMessage])[] = [
  [HEALTH, HealthResponseSchema],
  [GATEWAY_INFO, GetGatewayInfoResponseSchema],
  [CURRENT_USER, GetCurrentUserResponseSchema],
];

/** What a table has to say of a schema. */
function tableOf(schema: DescMessage): Fields {
  assert.deepEqual(
    schema.fields.map(({ number }) => number),
    schema.fields.map((_, at) => at + 1),
  );
  return {
    fields: schema.fields.map((field) => ({
      name: field.name,
      type: typeOf(field),
      ...(field.fieldKind === 'list' ? { repeated: true as const } : {}),
    })),
  };
}

function typeOf(field: DescField): 'text' | readonly string[] | Fields {
  if (field.message !== undefined) {
    return tableOf(field.message);
  }
  const { enum: words } = field;
  return words === undefined ? 'text' : words.values.map(({ number }) => enumWord(words, number));
}

test('the tables say what the schemas say, and the methods are those of the service', () => {
  for (const [table, schema] of TABLES) {
    assert.deepEqual(table, tableOf(schema));
  }
  for (const name of ['health', 'getGatewayInfo', 'getCurrentUser'] as const) {
    assert.equal(plainMethods[name].path, methods[name].path);
    assert.equal(methods[name].encodeRequest({}).length, plainMethods[name].encodeRequest(undefined).length);
  }
});

/** Bytes as a gateway, an older or a newer one, could send them: known fields and others, in any order. */
const anyMessage = fc
  .array(
    fc.record({
      number: fc.integer({ min: 1, max: 7 }),
      text: fc.string({ unit: 'binary' }),
      value: fc.integer({ min: -5, max: 300 }),
    }),
    { maxLength: 8 },
  )
  .map((parts) => ({ parts }));

test('any message reads as its schema reads it', () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(TABLES.length - 1), ({ parts }, at) => {
      const [table, schema] = TABLES[at] as (typeof TABLES)[number];
      const bytes = Buffer.concat(parts.map((part) => encoded(schema, part)));
      const expected = fromBinary(schema, bytes) as MessageShape<DescMessage>;
      assert.deepEqual(readFields(table, bytes), plain(schema, expected));
      const again = toBinary(schema, expected, { writeUnknownFields: false });
      assert.equal(JSON.stringify(readFields(table, again)), JSON.stringify(plain(schema, expected)));
    }),
    { numRuns: 500 },
  );
});

test('any bytes are a message or an Error, at once', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(TABLES.length - 1), (bytes, at) => {
      const [table] = TABLES[at] as (typeof TABLES)[number];
      try {
        readFields(table, bytes);
      } catch (error) {
        assert(error instanceof Error);
        assert.match(error.message, /field|number/);
      }
    }),
    { numRuns: 2_000 },
  );
});

interface Part {
  readonly number: number;
  readonly text: string;
  readonly value: number;
}

/** One field as the schema wants it; unknown ones alternate between all wire types. */
function encoded(schema: DescMessage, { number, text, value }: Part): Buffer {
  const field = schema.fields[number - 1];
  if (field?.enum !== undefined) {
    return Buffer.concat([tag(number, 0), varint(BigInt(value))]);
  }
  // The capabilities of a driver: what is empty is a message too.
  if (field?.message !== undefined || field !== undefined) {
    const bytes = Buffer.from(field.message === undefined ? text : []);
    return Buffer.concat([tag(number, 2), varint(BigInt(bytes.length)), bytes]);
  }
  if (value % 4 === 0) {
    return Buffer.concat([tag(number, 1), Buffer.alloc(8, value)]);
  }
  if (value % 4 === 1) {
    return Buffer.concat([tag(number, 5), Buffer.alloc(4, value)]);
  }
  return Buffer.concat([tag(number, 0), varint(BigInt(value))]);
}

function tag(number: number, wireType: number): Buffer {
  return varint(BigInt(number * 8 + wireType));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) {
    bytes.push(Number(rest & 127n) | 128);
  }
  return Buffer.from([...bytes, Number(rest)]);
}
