#!/usr/bin/env node
import { existsSync, readdirSync } from 'node:fs';
import flavor from '#drivers';
import { BUILD } from './build.js';
import { wordOf } from './compute/known-parts.js';
import { partsOf } from './flavor/flavor.js';
import { run } from './gateway/process/run.js';

/** Output of parts that this flavor does not list: a build that went over another flavor's. None in one file. */
function leftOver(): string[] {
  // A single file is CommonJS and has no URL.
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

/** The folders of a room that are a part's, and not what parts share. */
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
  buildWarnings: leftOver(),
}).then((code) => {
  // Told twice to end, it has calls open that would keep the process.
  process.exit(code);
});
