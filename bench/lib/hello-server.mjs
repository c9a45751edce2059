// The least that answers Health: a grpc-js server that binds one port, given as the first argument.
import { Server, ServerCredentials } from '@grpc/grpc-js';

function same(bytes) {
  return bytes;
}

const server = new Server();
server.addService(
  {
    Health: {
      path: '/openshell.v1.OpenShell/Health',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { Health: (_call, callback) => callback(null, Buffer.alloc(0)) },
);
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) {
    throw error;
  }
});
process.on('SIGTERM', () => process.exit(0));
