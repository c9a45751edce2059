import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { bytesField } from '../../wire/bytes-field.js';
import type { Method as WireMethod } from '../../wire/method.js';
import type { Caller } from '../auth/principal.js';
import type { Listing } from '../services/pages.js';
import type { Method } from './method.js';
import { unaryBytes } from './method.js';

/** The largest message that gRPC clients accept by default. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Room for the token and its field header. */
const TOKEN_BYTES = 1024;
/** The tag and length of an item. */
const ITEM_HEADER_BYTES = 5;
const ITEMS_FIELD = 1;
const TOKEN_FIELD = 2;

/**
 * A list method. All list responses have the items in field 1 and the token in field 2. A page ends before 4 MiB,
 * however few items it has; 0.1 continues with the token, 0.0 with the offset. Items are encoded as they are read, so
 * that memory holds no more than one response.
 */
export function list<I extends DescMessage, O extends DescMessage, T, E extends DescMessage>(
  method: WireMethod<I, O>,
  item: { readonly schema: E; readonly toWire: (row: T) => MessageInitShape<E> },
  query: (request: MessageShape<I>, caller: Caller) => Promise<Listing<T>>,
): Method {
  return unaryBytes(method, async (request, caller) => {
    const { rows, limit, tokenAfter } = await query(request, caller);
    const items: Uint8Array[] = [];
    let room = PAGE_BYTES - TOKEN_BYTES;
    let last: T | undefined;
    let isCut = false;
    for await (const row of rows) {
      caller.signal.throwIfAborted();
      const bytes =
        items.length < limit ? toBinary(item.schema, create(item.schema, item.toWire(row))) : undefined;
      isCut = bytes === undefined || (items.length > 0 && bytes.length + ITEM_HEADER_BYTES > room);
      if (bytes === undefined || isCut) {
        break;
      }
      room -= bytes.length + ITEM_HEADER_BYTES;
      items.push(bytes);
      last = row;
    }
    const token = isCut && last !== undefined ? tokenAfter(last) : '';
    const fields = items.map((bytes) => bytesField(ITEMS_FIELD, bytes));
    if (token !== '') {
      fields.push(bytesField(TOKEN_FIELD, Buffer.from(token)));
    }
    const response = Buffer.allocUnsafe(fields.reduce((sum, field) => sum + field.byteLength, 0));
    let at = 0;
    for (const field of fields) {
      field.copy(response, at);
      at += field.byteLength;
    }
    return response;
  });
}
