import { Client, credentials } from '@grpc/grpc-js';

const TIMEOUT_MS = 30_000;
function same(bytes) {
  return bytes;
}

/** Unary calls with messages left as bytes, so that the client's own decoding is in no figure. */
export function createRawClient(address) {
  const client = new Client(address, credentials.createInsecure());
  return {
    unary: (path, request) =>
      new Promise((resolve, reject) => {
        const options = { deadline: Date.now() + TIMEOUT_MS };
        client.makeUnaryRequest(path, same, same, request, options, (error, response) =>
          error === null ? resolve(response) : reject(error),
        );
      }),
    close: () => client.close(),
  };
}
