#!/usr/bin/env node
import { runHost } from '../../host/run-host.js';
import entry from './entry.js';

process.exitCode = await runHost({ entry, argv: process.argv.slice(2), env: process.env });
