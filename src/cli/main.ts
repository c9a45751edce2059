#!/usr/bin/env node
import { keepCompiledCode } from './compile-cache.js';

// Before anything else is loaded.
keepCompiledCode(process.env);
import('./cli.js')
  .then(({ runCli }) => runCli(process.argv.slice(2)))
  // Reading stdin, or a connection that is still closing, must not keep a finished command alive.
  .then((code) => process.exit(code));
