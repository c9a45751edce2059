import type { DescEnum, DescField, DescMessage, MessageShape } from '@bufbuild/protobuf';

/**
 * A message as JSON and YAML show it: names as on the wire (snake_case), enum values as lower-case words (`ready`),
 * bytes in base64. 64-bit integers are numbers up to 2^53 and decimal strings beyond. Scalars, lists and maps are
 * always present, even when empty; messages and optional scalars only when they are set.
 */
export function plain<D extends DescMessage>(schema: D, message: MessageShape<D>): Record<string, unknown> {
  const entries = schema.fields.map((field): [string, unknown] => [
    field.name,
    fieldValue(field, message as unknown as Record<string, unknown>),
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** `ready` for SANDBOX_PHASE_READY; the decimal number for a value that is unknown to this client. */
export function enumWord(schema: DescEnum, value: number): string {
  return schema.value[value]?.localName.toLowerCase() ?? String(value);
}

function fieldValue(field: DescField, message: Record<string, unknown>): unknown {
  const value = message[field.localName];
  if (field.oneof !== undefined) {
    const chosen = message[field.oneof.localName] as { case?: string; value?: unknown };
    return chosen.case === field.localName ? single(field, chosen.value) : undefined;
  }
  if (value === undefined) {
    return undefined;
  }
  if (field.fieldKind === 'list') {
    return (value as unknown[]).map((item) => single(field, item));
  }
  if (field.fieldKind === 'map') {
    const entries = Object.entries(value as Record<string, unknown>);
    return Object.fromEntries(entries.map(([key, item]) => [key, single(field, item)]));
  }
  return single(field, value);
}

function single(field: DescField, value: unknown): unknown {
  if (field.message !== undefined) {
    // Structs are plain JSON.
    if (field.message.typeName === 'google.protobuf.Struct') {
      return value;
    }
    return plain(field.message, value as MessageShape<DescMessage>);
  }
  if (field.enum !== undefined) {
    return enumWord(field.enum, value as number);
  }
  if (typeof value === 'bigint') {
    return integer(value);
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

function integer(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}
