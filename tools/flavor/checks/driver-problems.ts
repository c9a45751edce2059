import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KNOWN_DRIVERS } from '../../../dist/compute/known-drivers.js';
import type { DriverProject } from '../choose/driver-projects.js';
import { markerOf } from '../prove/markers.js';

/** Whether every driver of the checkout can be searched for, and every known one is a workspace. */
export const driverProblems = (root: string, available: readonly DriverProject[]): string[] => {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    workspaces: string[];
  };
  const markers = new Map<string, string>();
  return available.flatMap(({ name, evidence }) => {
    const problems: string[] = [];
    const folder = `src/drivers/${name}`;
    const marker = markerOf(root, folder);
    const twin = marker === undefined ? undefined : markers.get(marker);
    if (marker === undefined) problems.push(`${folder}/entry.ts: has no line "marker: '...'"`);
    else if (twin !== undefined) problems.push(`${folder}/entry.ts: has the marker of '${twin}'`);
    else markers.set(marker, name);
    if (KNOWN_DRIVERS.some((known) => known.name === name)) {
      if (!workspaces.includes(folder)) problems.push(`package.json: workspaces lack ${folder}`);
      if (evidence.length === 0) {
        problems.push(
          `${folder}/package.json: openshell.evidence lists no string that only this driver holds`,
        );
      }
    }
    return problems;
  });
};
