#!/usr/bin/env node
import { readdirSync } from 'node:fs';
import flavor from '#drivers';
import { run } from './gateway/process/run.js';

/** Output of drivers that this flavor does not list: a build that went over another flavor's. */
const leftOver = (): string[] => {
  const names = new Set(flavor.drivers.map((entry) => entry.name));
  try {
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

process.exitCode = await run({
  flavor,
  build: 'dev',
  argv: process.argv.slice(2),
  env: process.env,
  connectExternal: undefined,
  buildWarnings: leftOver(),
});
