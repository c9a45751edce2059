// Passes bytes between TCP and the Unix socket given as the first argument, and looks at none of them.
import { connect, createServer } from 'node:net';

const server = createServer({ noDelay: true }, (near) => {
  const far = connect(process.argv[2]);
  far.pipe(near);
  near.pipe(far);
  far.on('error', () => near.destroy());
  near.on('error', () => far.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(`"address":"127.0.0.1:${server.address().port}"`));
process.on('SIGTERM', () => process.exit(0));
