import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, CODE } from './code-cache.js';
import { nodeCheck } from './multi-call.js';
import { pinnedNode } from './release.js';
import type { Toolchain } from './toolchain.js';

const PROGRAM = '\n//#program\n//';
const CODE_CACHE = '\n//#code-cache ';

function loader(node: string, skippedLines: number): string {
  return `const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const text = readFileSync(__filename, 'latin1');
const end = text.lastIndexOf(${JSON.stringify(CODE_CACHE)});
const program = text.slice(text.indexOf(${JSON.stringify(PROGRAM)}) + ${PROGRAM.length}, end).replaceAll('\\n//', '\\n');
const hasCache = process.version + '-' + process.arch === '${node}';
const cachedData = hasCache ? Buffer.from(text.slice(end + ${CODE_CACHE.length}), 'base64') : undefined;
const script = new Script(program, { filename: __filename, lineOffset: ${skippedLines}, cachedData });
script.runInThisContext()(exports, require, module, __filename, __dirname);`;
}

/**
 * A CommonJS file with the program and V8's code cache for the pinned Node, as `writeCodeCache` wrote them.
 *
 * Node cannot use a code cache for its main file, and compiles it before it runs. So both are in comments, which are
 * skipped quickly, below a loader that combines them. Any other Node compiles the program as usual. Line numbers are
 * kept.
 */
export function singleFileText(root: string, { scratch }: Pick<Toolchain, 'scratch'>): string {
  const code = readFileSync(join(scratch, CODE), 'latin1');
  const cache = readFileSync(join(scratch, CACHE), 'base64');
  function head(skippedLines: number): string {
    return `${nodeCheck()}\n${loader(`v${pinnedNode(root).version}-${process.arch}`, skippedLines)}${PROGRAM}`;
  }

  const skippedLines = head(0).split('\n').length - 1;
  return `${head(skippedLines)}${code.replaceAll('\n', '\n//')}${CODE_CACHE}${cache}\n`;
}
