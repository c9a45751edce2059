import assert from 'node:assert/strict';
import { CallFailure } from '../../dist/rpc/call-failure.js';

/** How a call failed that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<CallFailure> {
  const thrown = await call.then(
    () => assert.fail('the call went through'),
    (error: unknown) => error,
  );
  assert(thrown instanceof CallFailure, String(thrown));
  return thrown;
}
