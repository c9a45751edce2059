#!/usr/bin/env node
import { runHost } from '../../host/run-host.js';
import entry from './entry.js';

// No top-level await: a single executable is CommonJS, which has none.
void runHost({ entry, argv: process.argv.slice(2), env: process.env }).then((code) => {
  process.exitCode = code;
});
