import { posix } from 'node:path';
import type { Program } from './programs.js';

/** The oldest Node that a bundle runs on: the first with a built-in SQLite. */
export const OLDEST_NODE = { major: 22, minor: 13 } as const;

/** Runs before the rest of the bundle; old syntax, so that any Node can parse it. */
export function nodeCheck(): string {
  return `var v = process.versions.node.split('.').map(Number);
if (v[0] < ${OLDEST_NODE.major} || (v[0] === ${OLDEST_NODE.major} && v[1] < ${OLDEST_NODE.minor})) {
  console.error('openshell-gateway: this file needs Node ${OLDEST_NODE.major}.${OLDEST_NODE.minor} or later, and this is ' + process.version + '; use the folder made with --node 20');
  process.exit(1);
}`;
}

/**
 * The entry point of the single file with all programs: the first word selects one, or the name that the file was called
 * by; the default is the gateway. A program sees its own arguments from index 2 on.
 */
export function multiCall(programs: readonly Program[]): string {
  const loads = programs.map(({ name, file }) => `  '${name}': () => import('./${posix.normalize(file)}'),`);
  const words = programs.filter(({ word }) => word !== '').map(({ name, word }) => `  '${word}': '${name}',`);
  const gateway = programs.find(({ word }) => word === '')?.name;
  return `import { basename } from 'node:path';
import { isSea } from 'node:sea';
const load = {
${loads.join('\n')}
};
const words = {
${words.join('\n')}
};
const called = basename((isSea() ? process.argv0 : process.argv[1]) ?? '');
let name = Object.hasOwn(load, called) ? called : '${gateway}';
const word = process.argv[2] ?? '';
if (name === '${gateway}' && Object.hasOwn(words, word)) {
  name = words[word];
  process.argv.splice(2, 1);
}
load[name]();
`;
}
