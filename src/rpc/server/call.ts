import { randomUUID } from 'node:crypto';
import type {
  MetadataValue,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { drained, type Patience } from '../../kit/drain.js';
import type { Encoded } from '../../wire/bytes-field.js';
import { REQUEST_ID } from '../headers.js';
import type { IncomingCall, MethodPath, Peer, Send } from './contract.js';

/** A call of any kind as grpc-js hands it over. */
export type GrpcCall = ServerUnaryCall<Buffer, Buffer> &
  ServerWritableStream<Buffer, Encoded> &
  ServerReadableStream<Buffer, Buffer> &
  ServerDuplexStream<Buffer, Encoded>;

const OVER = ['cancelled', 'close'] as const;
const ENDINGS = ['end', 'close', 'error', 'cancelled'] as const;

/** What is known of a call before its caller is; `aborter` ends it. */
export function incoming(call: GrpcCall, method: MethodPath, aborter: AbortController): IncomingCall {
  let peer: Peer | undefined;
  const given = textOf(call.metadata.get('x-request-id'));
  return {
    method: method.path,
    requestId: given !== undefined && REQUEST_ID.test(given) ? given : randomUUID(),
    signal: aborter.signal,
    isStream: method.requestStream || method.responseStream,
    abort: (reason) => aborter.abort(reason),
    header: (name) => textOf(call.metadata.get(name)),
    get peer() {
      peer ??= peerOf(call);
      return peer;
    },
  };
}

/** Binary headers are ignored. */
function textOf([value]: readonly MetadataValue[]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function peerOf(call: GrpcCall): Peer {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return {
    address: call.getPeer(),
    certificateCommonNames: [certificate?.subject?.CN ?? []].flat(),
    certificateExpiresMs: certificate && Date.parse(certificate.valid_to),
  };
}

/** Returns the function that sends messages of a stream, as long as the client reads. */
export function senderOf(call: GrpcCall, patience: Patience | undefined): Send {
  return (message) => {
    if (call.cancelled || call.destroyed) {
      throw cancelled();
    }
    return call.write(message) ? undefined : drained(call, OVER, patience);
  };
}

export function cancelled(): OpenShellError {
  return new OpenShellError(Code.CANCELLED, 'the client cancelled the call');
}

/**
 * The messages of a streaming call's client, until it has sent all or the call is over; throws CANCELLED when it was
 * cancelled. The stream's own iterator would destroy the stream when the call fails, and lose the status if a message
 * is still being sent: the client would wait forever.
 */
export async function* requestsOf(call: GrpcCall): AsyncGenerator<Buffer> {
  let isOver = call.destroyed || call.readableEnded;
  let wake = () => {};
  function onReadable() {
    return wake();
  }

  function onEnding() {
    isOver = true;
    wake();
  }

  call.on('readable', onReadable);
  for (const event of ENDINGS) {
    call.on(event, onEnding);
  }
  try {
    for (;;) {
      const message: Buffer | null = call.read();
      if (call.cancelled) {
        throw cancelled();
      }
      if (message !== null) {
        yield message;
      } else if (isOver) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    call.off('readable', onReadable);
    for (const event of ENDINGS) {
      call.off(event, onEnding);
    }
  }
}
