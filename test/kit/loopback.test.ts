import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopback } from '../../dist/kit/loopback.js';

const YES = [
  ...['127.0.0.0', '127.0.0.1', '127.9.9.9', '127.255.255.255'],
  ...['::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001'],
  ...['::ffff:127.0.0.1', '::FFFF:127.0.0.1', '::ffff:7f00:1', '::ffff:7fff:ffff', '0:0:0:0:0:ffff:7f00:1'],
  ...['::1%lo', '::1%1', '::ffff:127.0.0.1%lo'],
];

const NO = [
  ...['126.255.255.255', '128.0.0.0', '128.0.0.1', '10.0.0.1', '0.0.0.0', '255.255.255.255', '169.254.1.1'],
  ...['::', '::2', '::127.0.0.1', '1::1', 'fe80::1', 'fe80::1%lo', '2001:db8::7f00:1', '64:ff9b::7f00:1'],
  ...['::ffff:128.0.0.1', '::ffff:10.0.0.1', '::ffff:0.0.0.0', '::ffff:8000:1', '::ffff:0:127.0.0.1'],
  // Names, and what some readers take for an address.
  ...['localhost', 'LOCALHOST', 'localhost.', '127.0.0.1.example', '127.example', 'ip6-localhost'],
  ...['127.1', '127', '0x7f.0.0.1', '0x7f000001', '2130706433', '0177.0.0.1', '127.0.0.01', '127.0.0.256'],
  ...[
    '',
    ' ',
    ' 127.0.0.1',
    '127.0.0.1 ',
    '127.0.0.1\n',
    '127.0.0.1\0',
    '127.0.0.1%lo',
    '127.0.0.1:80',
    '127.0.0.1/8',
  ],
  ...[
    '[::1]',
    '[::1]:80',
    '::1/128',
    '::1%',
    '%lo',
    '::ffff:127.',
    '::ffff:127.0.0.1.example',
    'unknown',
    '１２７.0.0.1',
  ],
];

for (const address of YES) {
  test(`${address} is loopback`, () => assert.equal(isLoopback(address), true));
}
for (const address of NO) {
  test(`${JSON.stringify(address)} is not`, () => assert.equal(isLoopback(address), false));
}
