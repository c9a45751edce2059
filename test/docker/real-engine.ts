import { execFileSync } from 'node:child_process';
import { describe } from 'node:test';
import { dockerBed } from '../conformance/docker-bed.js';
import { createWorkbench, type Workbench } from '../conformance/workbench.js';
import { skipWithout } from '../support/engines.js';

/** What the command line prints. */
export function docker(args: readonly string[], input = ''): string {
  return execFileSync('docker', args, { input, encoding: 'utf8' }).trim();
}

/** Declares tests for the real engine; skipped, or failed when required, where there is none. */
export async function onDocker(title: string, declare: (workbench: Workbench) => void): Promise<void> {
  const bed = dockerBed();
  const skip = skipWithout(bed.name, await bed.unavailable());
  describe(title, { skip, concurrency: false }, () => declare(createWorkbench(bed)));
}
