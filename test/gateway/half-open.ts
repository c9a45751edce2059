// A client that runs a command until it is stopped: node half-open.js ADDRESS SANDBOX_ID
import { createRpcClient } from '../../dist/rpc/client/client.js';
import { methods as api } from '../../dist/wire/v00/index.js';

const [address = '', sandboxId = ''] = process.argv.slice(2);
const client = createRpcClient(address);
for await (const _ of client.serverStream(api.execSandbox, { sandboxId, command: ['sleep', '1000'] })) {
}
