#!/usr/bin/env node
import { runHost } from '../../../host/run-host.js';
import vm from '../entry.js';
import { FROM_GATEWAY } from '../launch-options.js';
import { runForGateway } from './from-gateway.js';
import { runPrepare } from './run-prepare.js';

const [command, ...rest] = process.argv.slice(2);

function run(): Promise<number> {
  if (command === FROM_GATEWAY) {
    return runForGateway(process.env);
  }
  if (command === 'prepare') {
    return runPrepare(rest, process.env);
  }
  // Started by hand or by a service manager: the driver runs in this process.
  const entry = { ...vm, load: () => import('./module.js') };
  return runHost({ entry, argv: process.argv.slice(2), env: process.env });
}

void run().then((code) => process.exit(code));
