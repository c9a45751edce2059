// A grpc-js server with one method that answers nothing to nothing, as little as gRPC can do.
import { Server, ServerCredentials } from '@grpc/grpc-js';

function same(bytes) {
  return bytes;
}

const EMPTY = Buffer.alloc(0);
const server = new Server();
server.addService(
  {
    Call: {
      path: '/bench.Empty/Call',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { Call: (_call, callback) => callback(null, EMPTY) },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) {
    throw error;
  }
  console.log(`"address":"127.0.0.1:${port}"`);
});
process.on('SIGTERM', () => server.forceShutdown());
