import type { Command } from '../command.js';
import { affected } from './affected.js';
import { add, remove } from './change.js';
import { diff } from './diff.js';
import { footprint } from './footprint.js';
import { fromConfig } from './from-config.js';
import { generate } from './generate.js';
import { lint } from './lint.js';
import { list } from './list.js';
import { packageCommand } from './package.js';
import { regenerate } from './regenerate.js';
import { verify } from './verify.js';

/** In the order of help. */
export const COMMANDS: readonly Command[] = [
  generate,
  fromConfig,
  list,
  lint,
  regenerate,
  add,
  remove,
  diff,
  packageCommand,
  verify,
  affected,
  footprint,
];
