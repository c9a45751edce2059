#!/usr/bin/env node
// Compiles the tool when its source is newer than its output, then runs it.
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-b', join(root, 'tools', 'flavor')], {
  cwd: root,
  encoding: 'utf8',
});
if (status !== 0) {
  process.stderr.write(`openshell-flavor: the tool does not compile\n${stdout}${stderr}`);
  process.exit(1);
}
// A reader such as head may leave before the end.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
const { run } = await import(pathToFileURL(join(root, 'dist-tools', 'flavor', 'run.js')).href);
process.exitCode = await run({ root, argv: process.argv.slice(2), cwd: process.cwd() });
