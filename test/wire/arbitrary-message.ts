import type { DescField, DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';

/** Random field values for `create(schema, …)`: any message type, every kind of field, fields often absent. */
export function arbitraryMessage<D extends DescMessage>(
  schema: D,
  depth = 3,
): fc.Arbitrary<MessageInitShape<D>> {
  const parts: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of schema.fields) {
    if (field.oneof !== undefined) {
      continue;
    }
    if (depth === 0 && field.message !== undefined) {
      continue;
    }
    parts[field.localName] = arbitraryField(field, depth);
  }
  for (const oneof of schema.oneofs) {
    const members = oneof.fields
      .filter((field) => depth > 0 || field.message === undefined)
      .map((field) => fc.record({ case: fc.constant(field.localName), value: arbitraryField(field, depth) }));
    if (members.length > 0) {
      parts[oneof.localName] = fc.oneof(...members);
    }
  }
  return fc.record(parts, { requiredKeys: [] }) as fc.Arbitrary<MessageInitShape<D>>;
}

function arbitraryField(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar);
    case 'enum':
      return fc.constantFrom(...field.enum.values.map((value) => value.number));
    case 'message':
      return message(field.message, depth);
    case 'list':
      return fc.array(element(field, depth), { maxLength: 3 });
    case 'map':
      return fc.dictionary(key, element(field, depth), { maxKeys: 3, noNullPrototype: true });
  }
}

function element(field: DescField & { fieldKind: 'list' | 'map' }, depth: number): fc.Arbitrary<unknown> {
  if (field.message !== undefined) {
    return message(field.message, depth);
  }
  return field.scalar === undefined ? fc.integer({ min: 0, max: 9 }) : scalar(field.scalar);
}

function message(schema: DescMessage, depth: number): fc.Arbitrary<unknown> {
  if (schema.typeName === 'google.protobuf.Struct') {
    return struct;
  }
  return arbitraryMessage(schema, depth - 1);
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const key = text.filter((name) => name !== '__proto__');
const struct = fc.dictionary(key, fc.jsonValue({ noUnicodeString: false, maxDepth: 3 }), {
  maxKeys: 4,
  noNullPrototype: true,
});

/** By the numbers that descriptors use for scalar types. */
function scalar(type: number): fc.Arbitrary<unknown> {
  const known: Record<number, fc.Arbitrary<unknown>> = {
    1: fc.double({ noNaN: true }),
    2: fc.float({ noNaN: true }),
    3: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    4: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    5: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    8: fc.boolean(),
    9: text,
    12: fc.uint8Array({ maxLength: 40 }),
    13: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  };
  const found = known[type];
  if (found === undefined) {
    throw new Error(`no random values for scalar type ${type}`);
  }
  return found;
}
