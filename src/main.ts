#!/usr/bin/env node
import { readdirSync } from 'node:fs';
import flavor from '#drivers';
import { BUILD } from './build.js';
import { run } from './gateway/process/run.js';

/** Output of drivers that this flavor does not list: a build that went over another flavor's. None in one file. */
const leftOver = (): string[] => {
  const names = new Set(flavor.drivers.map((entry) => entry.name));
  try {
    if (!import.meta.url.endsWith('/dist/main.js')) return [];
    return readdirSync(new URL('./drivers/', import.meta.url))
      .filter((name) => name !== 'engine' && !names.has(name))
      .map(
        (name) =>
          `dist/drivers/${name} is left over from another build and not used; clean up with: npm run build -- ${flavor.name}`,
      );
  } catch {
    return [];
  }
};

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
