#!/usr/bin/env node
import { runCli } from './cli.js';

// Reading stdin, or a connection that is still closing, must not keep a finished command alive.
runCli(process.argv.slice(2)).then((code) => process.exit(code));
