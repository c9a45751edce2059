#!/usr/bin/env node
import { existsSync, readdirSync } from 'node:fs';
import flavor from '#drivers';
import { BUILD } from './build.js';
import { wordOf } from './compute/known-parts.js';
import { partsOf } from './flavor/flavor.js';
import { run } from './gateway/program/run.js';

// Starts `openshell-gateway` with the parts of this build's flavor; process/run.ts has the commands.

/** Reports parts in dist that are not in this flavor: an earlier build of another flavor left them. */
function leftOverParts(): string[] {
  // A single executable is CommonJS and has no URL.
  if (!(import.meta.url as string | undefined)?.endsWith('/dist/main.js')) {
    return [];
  }
  const words = new Set(partsOf(flavor).map(wordOf));
  return ['drivers', 'parts']
    .flatMap((room) => namesIn(room).map((word) => ({ room, word })))
    .filter(({ word }) => !words.has(word))
    .map(
      ({ room, word }) =>
        `dist/${room}/${word} is left over from another build and not used; clean up with: npm run build -- ${flavor.name}`,
    );
}

/** The folders that are parts, without those that parts share. */
function namesIn(room: string): string[] {
  const folder = new URL(`./${room}/`, import.meta.url);
  try {
    return readdirSync(folder).filter((name) => existsSync(new URL(`${name}/entry.js`, folder)));
  } catch {
    return [];
  }
}

// No top-level await: a single executable is CommonJS, which has none.
void run({
  flavor,
  build: BUILD,
  argv: process.argv.slice(2),
  env: process.env,
  connectExternal: async (options) => {
    const { connectDriver } = await import('./remote/client.js');
    return connectDriver(options);
  },
  buildWarnings: leftOverParts(),
}).then((code) => {
  // After a second signal, open calls would keep the process alive.
  process.exit(code);
});
