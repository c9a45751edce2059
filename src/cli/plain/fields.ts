/**
 * Type of a field: text, an enum by the words of its values from 0 on, or a message. Each message here also has a
 * generated schema; a test compares the two.
 */
type FieldType = 'text' | readonly string[] | Fields;

export interface Field {
  /** As on the wire, in snake_case. */
  readonly name: string;
  readonly type: FieldType;
  readonly repeated?: true;
}

/** A message whose fields are numbered from 1 on, without a gap. */
export type Fields = { readonly fields: readonly Field[] };

const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Wire types of a fixed length. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
/** A varint of a message has at most ten bytes. */
const VARINT_BYTES = 10;

/**
 * Decodes a message as `plain` shows it, without its schema: loading schemas and their decoder takes longer than a
 * call. Unknown fields are skipped. Throws an Error when the bytes are not a message.
 */
export function readFields({ fields }: Fields, bytes: Uint8Array): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const { name, type, repeated } of fields) {
    if (repeated) {
      message[name] = [];
    } else if (type === 'text') {
      message[name] = '';
    } else if (isEnum(type)) {
      message[name] = type[0];
    }
  }
  readInto(message, fields, createReader(bytes));
  return message;
}

function readInto(message: Record<string, unknown>, fields: readonly Field[], reader: Reader): void {
  while (!reader.isAtEnd()) {
    const tag = reader.varint();
    const wireType = tag & 7;
    const number = tag >>> 3;
    if (number === 0) {
      throw new Error('a field has the number 0');
    }
    const field = fields[number - 1];
    if (field === undefined) {
      reader.skip(wireType);
      continue;
    }
    const { name, type, repeated } = field;
    if (wireType !== (isEnum(type) ? VARINT : LENGTH_DELIMITED)) {
      throw new Error(`field ${name} has wire type ${wireType}`);
    }
    const value = isEnum(type) ? wordOf(type, reader.varint()) : decodedAs(type, reader.bytes());
    if (repeated) {
      (message[name] as unknown[]).push(value);
    } else {
      message[name] = value;
    }
  }
}

function decodedAs(type: 'text' | Fields, bytes: Uint8Array): unknown {
  return type === 'text' ? new TextDecoder().decode(bytes) : readFields(type, bytes);
}

function wordOf(words: readonly string[], value: number): string {
  return words[value] ?? String(value | 0);
}

function isEnum(type: FieldType): type is readonly string[] {
  return Array.isArray(type);
}

interface Reader {
  isAtEnd(): boolean;
  /** The low 32 bits. */
  varint(): number;
  bytes(): Uint8Array;
  skip(wireType: number): void;
}

function createReader(bytes: Uint8Array): Reader {
  let at = 0;
  function take(length: number): Uint8Array {
    if (length > bytes.length - at) {
      throw new Error('the bytes end in the middle of a field');
    }
    at += length;
    return bytes.subarray(at - length, at);
  }

  function varint(): number {
    let value = 0;
    for (let index = 0; index < VARINT_BYTES; index++) {
      const [byte = 0] = take(1);
      if (index < 5) {
        value |= (byte & 0x7f) << (7 * index);
      }
      if (byte < 0x80) {
        return value >>> 0;
      }
    }
    throw new Error('a number has no end');
  }

  return {
    isAtEnd: () => at === bytes.length,
    varint,
    bytes: () => take(varint()),
    skip(wireType) {
      const fixed = FIXED_BYTES[wireType];
      if (wireType === VARINT) {
        varint();
      } else if (wireType === LENGTH_DELIMITED) {
        take(varint());
      } else if (fixed !== undefined) {
        take(fixed);
      } else {
        throw new Error(`a field has the wire type ${wireType}`);
      }
    },
  };
}
