import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userFromFiles, userFromNumbers } from '../../dist/drivers/container/image-user.js';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1001::/home/agent:/bin/sh\n';
const GROUP = 'root:x:0:\nstaff:x:50:agent\n';

test('numbers alone', () => {
  assert.deepEqual(userFromNumbers(''), { uid: 0, gid: 0 });
  assert.deepEqual(userFromNumbers('root'), { uid: 0, gid: 0 });
  assert.deepEqual(userFromNumbers('0'), { uid: 0, gid: 0 });
  assert.deepEqual(userFromNumbers('1000:50'), { uid: 1000, gid: 50 });
  assert.equal(userFromNumbers('1000'), undefined, 'its group stands in passwd');
  assert.equal(userFromNumbers('agent'), undefined);
  assert.equal(userFromNumbers('1000:staff'), undefined);
});

test('names and numbers by the image files', () => {
  assert.deepEqual(userFromFiles('agent', PASSWD, GROUP), { uid: 1000, gid: 1001 });
  assert.deepEqual(userFromFiles('1000', PASSWD, GROUP), { uid: 1000, gid: 1001 });
  assert.deepEqual(userFromFiles('4242', PASSWD, GROUP), { uid: 4242, gid: 0 });
  assert.deepEqual(userFromFiles('agent:staff', PASSWD, GROUP), { uid: 1000, gid: 50 });
  assert.deepEqual(userFromFiles('4242:7', PASSWD, GROUP), { uid: 4242, gid: 7 });
});

test('a name that is in neither file', () => {
  assert.equal(userFromFiles('nobody', PASSWD, GROUP), undefined);
  assert.equal(userFromFiles('agent:nobody', PASSWD, GROUP), undefined);
  assert.equal(userFromFiles('agent', '', ''), undefined);
});
