import { describe } from 'node:test';
import { dockerBed } from '../conformance/docker-bed.js';
import { createWorkbench, type Workbench } from '../conformance/workbench.js';

/** Declares tests for the real engine; skipped, or failed when required, where there is none. */
export async function onDocker(title: string, declare: (workbench: Workbench) => void): Promise<void> {
  const bed = dockerBed();
  const why = await bed.unavailable();
  const required = (process.env.OPENSHELL_REQUIRE_ENGINES ?? '').split(',').includes(bed.name);
  describe(title, { skip: required ? false : (why ?? false), concurrency: false }, () =>
    declare(createWorkbench(bed)),
  );
}
