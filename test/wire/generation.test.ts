import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DescField, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { generationDetector } from '../../dist/wire/generation.js';
import { FIRST_MESSAGE_MARKS, REQUEST_MARKS } from '../../dist/wire/generation-marks.js';
import type { Method } from '../../dist/wire/method.js';
import { methodTable } from '../../dist/wire/service.js';
import { ApproveAllDraftChunksRequestSchema } from '../../dist/wire/v00/generated/openshell/v1/draft_policy_pb.js';
import { OpenShell as OpenShell00 } from '../../dist/wire/v00/generated/openshell/v1/openshell_pb.js';
import { OpenShell as OpenShell01 } from '../../dist/wire/v01/generated/openshell/v1/openshell_pb.js';
import { rpcs as rpcs01 } from '../../dist/wire/v01/index.js';
import { arbitraryMessage } from './arbitrary-message.js';
import { fuzzRuns } from './fuzz-runs.js';

const v00: Record<string, Method> = methodTable(OpenShell00);
const v01: Record<string, Method> = methodTable(OpenShell01);
const common = Object.keys(v00).filter((key) => key in v01);

/** The messages that tell: the request, or what the first message of a stream holds as field 1. */
const requests = common.map((key) => {
  const [old, young] = [v00[key], v01[key]];
  assert(old !== undefined && young !== undefined);
  const inner = old.name in FIRST_MESSAGE_MARKS;
  const within = (message: DescMessage): DescMessage =>
    inner ? (message.fields.find((field) => field.number === 1)?.message ?? message) : message;
  return { name: old.name, old, young, oldTells: within(old.input), youngTells: within(young.input) };
});

function kind(field: DescField): string {
  return [field.fieldKind, field.message?.typeName ?? field.scalar ?? field.enum?.typeName].join(' ');
}

test('all methods of 0.0 are in 0.1, and the list of 0.1 is that of its .proto files', () => {
  assert.equal(common.length, 67);
  assert.deepEqual(
    rpcs01.map(({ path }) => path).sort(),
    Object.values(v01)
      .map(({ path }) => path)
      .sort(),
  );
  for (const { path, requestStream, responseStream } of rpcs01) {
    const generated = Object.values(v01).find((method) => method.path === path);
    assert.deepEqual([generated?.requestStream, generated?.responseStream], [requestStream, responseStream]);
  }
});

test('every field by which the generations differ is marked, and no other', () => {
  for (const { name, oldTells, youngTells } of requests) {
    const expected: string[] = [];
    const numbers = [...oldTells.fields, ...youngTells.fields].map((field) => field.number);
    for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
      const old = oldTells.fields.find((field) => field.number === number);
      const young = youngTells.fields.find((field) => field.number === number);
      if (old === undefined) {
        expected.push(`${number}n`);
      } else if (young === undefined) {
        expected.push(`${number}o`);
      } else if (kind(old) !== kind(young)) {
        expected.push(`${number}${letter(old, young)}`);
      }
    }
    // Not a mark: both generations write the same bytes for 0 to 2^31-1.
    const marks = expected.filter((mark) => !mark.endsWith('-')).join(' ');
    assert.equal(REQUEST_MARKS[name] ?? FIRST_MESSAGE_MARKS[name] ?? '', marks, name);
  }
});

function letter(old: DescField, young: DescField): string {
  const UINT32 = 13;
  const [before, after] = [old, young].map((field) => (field.message ? 'message' : scalar(field)));
  switch (`${before} ${after}`) {
    case 'text message':
      return 's';
    case 'number text':
      return 't';
    case 'text number':
      return 'f';
    case 'message message':
      return 'a';
    default:
      assert.equal(old.scalar, UINT32);
      return '-';
  }
}

function scalar(field: DescField): string {
  return field.scalar === 9 ? 'text' : 'number';
}

/** Whether the encoding holds a marked field at its top level, by protobuf-es's own reader. */
function isMarked(bytes: Uint8Array, name: string): boolean {
  let reader = new BinaryReader(bytes);
  const inner = FIRST_MESSAGE_MARKS[name];
  const marks = inner ?? REQUEST_MARKS[name] ?? '';
  if (inner !== undefined) {
    if (reader.len === 0) {
      return false;
    }
    const [field, type] = reader.tag();
    if (field !== 1 || type !== 2) {
      return false;
    }
    reader = new BinaryReader(reader.bytes());
  }
  const numbers = marks.split(' ').map((mark) => Number.parseInt(mark, 10));
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (numbers.includes(field)) {
      return true;
    }
    reader.skip(type);
  }
  return false;
}

const legalName = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,17}[a-z0-9]$/);

/** In 0.0 a workspace is a legal name; that is what tells it from a selector. */
function request(method: Method, names: fc.Arbitrary<string>) {
  return fc.tuple(arbitraryMessage(method.input), names).map(([message, name]): Uint8Array => {
    const given = message as { workspace?: unknown };
    return method.encodeRequest(
      typeof given.workspace === 'string' ? { ...given, workspace: name } : message,
    );
  });
}

/** One chunk without a token and without a workspace: part 4.5 of the wire facts, the one message that is open. */
function isOpenCase({ input }: Method, bytes: Uint8Array): boolean {
  if (input !== ApproveAllDraftChunksRequestSchema) {
    return false;
  }
  const { workspace, approvals } = fromBinary(ApproveAllDraftChunksRequestSchema, bytes);
  return workspace === '' && approvals.length === 1 && approvals[0]?.reviewToken === '';
}

test('random messages of every method are told rightly whenever they carry a mark', () => {
  let marked = 0;
  for (const { name, old, young } of requests) {
    const tell = generationDetector(name);
    for (const [generation, method] of [
      ['0.0', old],
      ['0.1', young],
    ] as const) {
      fc.assert(
        fc.property(request(method, legalName), (bytes) => {
          if (isMarked(bytes, name)) {
            marked++;
            if (isOpenCase(method, bytes)) {
              return;
            }
            assert.equal(tell(bytes), generation);
          } else {
            assert.equal(tell(bytes), 'unmarked');
          }
        }),
        { numRuns: Math.ceil(fuzzRuns / 134) },
      );
    }
  }
  assert(marked > fuzzRuns / 4, `only ${marked} messages carried a mark`);
});

test('any bytes are told in time that grows with their length, and nothing is thrown', () => {
  const tellers = requests.map(({ name }) => generationDetector(name));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(tellers.length - 1), (bytes, index) => {
      assert(['0.0', '0.1', 'unmarked'].includes(tellers[index]?.(bytes) ?? ''));
    }),
    { numRuns: fuzzRuns },
  );
});

test('messages with changed, missing and added bytes are told as something', () => {
  for (const { name, young } of requests) {
    const tell = generationDetector(name);
    fc.assert(
      fc.property(
        request(young, legalName),
        fc.nat(),
        fc.nat(255),
        fc.nat(1),
        (bytes, seed, value, removed) => {
          const at = bytes.length === 0 ? 0 : seed % bytes.length;
          tell(Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), bytes.subarray(at + removed)]));
          tell(bytes.subarray(0, at));
        },
      ),
      { numRuns: Math.ceil(fuzzRuns / 67) },
    );
  }
});

test('a length beyond the end and a varint without one are unmarked', () => {
  const tell = generationDetector('GetSandbox');
  assert.equal(tell(Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 1])), 'unmarked');
  assert.equal(tell(Buffer.alloc(50, 0xff)), 'unmarked');
  assert.equal(tell(Buffer.from([0x12])), 'unmarked');
  assert.equal(tell(Buffer.from([0x0b, 0x12, 1, 0x41])), 'unmarked');
});
