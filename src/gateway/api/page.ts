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

/** The largest message that gRPC's clients take unless they are told otherwise. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Room for the token and what stands around it. */
const TOKEN_BYTES = 1024;
/** Of an item: its tag and its length. */
const AROUND_ITEM_BYTES = 5;
const ITEMS_FIELD = 1;
const TOKEN_FIELD = 2;

/**
 * A list, whose answer has its items in field 1 and its token in field 2, as all of them have. It ends at 4 MiB,
 * however few its items are then: 0.1 goes on by the token, 0.0 at the offset behind what it got. Items are written as
 * they are read, so that never more than the answer is kept, and nothing waits for all of it.
 */
export function list<I extends DescMessage, O extends DescMessage, T, E extends DescMessage>(
  method: WireMethod<I, O>,
  item: { readonly schema: E; readonly toWire: (row: T) => MessageInitShape<E> },
  ask: (request: MessageShape<I>, caller: Caller) => Promise<Listing<T>>,
): Method {
  return unaryBytes(method, async (request, caller) => {
    const { rows, limit, tokenAfter } = await ask(request, caller);
    const items: Uint8Array[] = [];
    let room = PAGE_BYTES - TOKEN_BYTES;
    let last: T | undefined;
    let isCut = false;
    for await (const row of rows) {
      caller.signal.throwIfAborted();
      const bytes =
        items.length < limit ? toBinary(item.schema, create(item.schema, item.toWire(row))) : undefined;
      isCut = bytes === undefined || (items.length > 0 && bytes.length + AROUND_ITEM_BYTES > room);
      if (bytes === undefined || isCut) {
        break;
      }
      room -= bytes.length + AROUND_ITEM_BYTES;
      items.push(bytes);
      last = row;
    }
    const token = isCut && last !== undefined ? tokenAfter(last) : '';
    const fields = items.map((bytes) => bytesField(ITEMS_FIELD, bytes));
    if (token !== '') {
      fields.push(bytesField(TOKEN_FIELD, Buffer.from(token)));
    }
    const answer = Buffer.allocUnsafe(fields.reduce((sum, field) => sum + field.byteLength, 0));
    let at = 0;
    for (const field of fields) {
      field.copy(answer, at);
      at += field.byteLength;
    }
    return answer;
  });
}
