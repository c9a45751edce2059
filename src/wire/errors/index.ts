import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack, durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from './generated/google/rpc/error_details_pb.js';
import { StatusSchema } from './generated/google/rpc/status_pb.js';

/** The trailer that carries the details. */
export const STATUS_DETAILS = 'grpc-status-details-bin';
/** The domain of the reasons. */
const DOMAIN = 'openshell.nvidia.com';

/** Why a call failed, beyond its code and message. */
export interface StatusDetails {
  /** A gRPC status number. */
  readonly code: number;
  readonly message: string;
  /** A stable CamelCase word. */
  readonly reason: string;
  /** The request's field at fault, dotted. */
  readonly field?: string | undefined;
  /** What to do, one sentence. */
  readonly hint?: string | undefined;
  /** When the same call may succeed. */
  readonly retryAfterMs?: number | undefined;
}

export function encodeStatusDetails(given: StatusDetails): Uint8Array {
  const { code, message, reason, field, hint, retryAfterMs } = given;
  const details = [
    anyPack(
      ErrorInfoSchema,
      create(ErrorInfoSchema, { reason, domain: DOMAIN, metadata: hint === undefined ? {} : { hint } }),
    ),
  ];
  if (field !== undefined) {
    const fieldViolations = [{ field, description: message }];
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(retryAfterMs);
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return toBinary(StatusSchema, create(StatusSchema, { code, message, details }));
}

/** Undefined when the bytes are not details, or have no reason of our domain. Unknown details are skipped. */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails | undefined {
  try {
    const { code, message, details } = fromBinary(StatusSchema, bytes);
    const info = details
      .map((any) => anyUnpack(any, ErrorInfoSchema))
      .find((found) => found?.domain === DOMAIN);
    if (info === undefined) {
      return undefined;
    }
    const [violation] = details.flatMap((any) => anyUnpack(any, BadRequestSchema)?.fieldViolations ?? []);
    const [delay] = details.flatMap((any) => anyUnpack(any, RetryInfoSchema)?.retryDelay ?? []);
    return {
      code,
      message,
      reason: info.reason,
      hint: info.metadata.hint,
      field: violation?.field,
      retryAfterMs: delay && durationMs(delay),
    };
  } catch {
    return undefined;
  }
}
