import { describe } from 'node:test';
import { skipWithout } from '../support/engines.js';
import type { Bed } from './bed.js';
import { execTests } from './cases/exec.js';
import { execEndTests } from './cases/exec-end.js';
import { failureTests } from './cases/failures.js';
import { hostileTests } from './cases/hostile.js';
import { isolationTests } from './cases/isolation.js';
import { lifecycleTests } from './cases/lifecycle.js';
import { limitTests } from './cases/limits.js';
import { logTests } from './cases/logs.js';
import { ownershipTests } from './cases/ownership.js';
import { watchTests } from './cases/watch.js';
import { workspaceTests } from './cases/workspace.js';
import { createWorkbench } from './workbench.js';

const CASES = [
  lifecycleTests,
  watchTests,
  workspaceTests,
  ownershipTests,
  failureTests,
  execTests,
  execEndTests,
  logTests,
  limitTests,
  hostileTests,
  isolationTests,
];

/** Declares the tests that every driver passes on its real engine. */
export async function driverSuite(bed: Bed): Promise<void> {
  const skip = skipWithout(bed.name, await bed.unavailable());
  describe(`conformance: ${bed.name}`, { skip, concurrency: false }, () => {
    const workbench = createWorkbench(bed);
    for (const declare of CASES) {
      declare(workbench);
    }
  });
}
