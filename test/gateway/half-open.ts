// A client that runs a command until it is stopped: node half-open.js ADDRESS SANDBOX_ID
import { credentials } from '@grpc/grpc-js';
import { createWireClient } from '../../dist/wire/client.js';
import { methods as api } from '../../dist/wire/v00/index.js';

const [address = '', sandboxId = ''] = process.argv.slice(2);
const client = createWireClient(address, credentials.createInsecure());
for await (const _ of client.serverStream(api.execSandbox, { sandboxId, command: ['sleep', '1000'] }));
