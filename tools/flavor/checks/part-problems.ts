import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KNOWN_PARTS, PART_KINDS, wordOf } from '../../../dist/compute/known-parts.js';
import type { PartProject } from '../choose/projects.js';
import { markerOf } from '../prove/markers.js';

/** Checks that every part of the checkout matches its folder, can be searched for, and, if known, is a workspace. */
export function partProblems(root: string, available: readonly PartProject[]): string[] {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    workspaces: string[];
  };
  const markers = new Map<string, string>();
  const words = new Set<string>();
  return available.flatMap((project) => {
    const { kind, word, folder, evidence } = project;
    const problems: string[] = [];
    const entry = `${folder}/entry.ts`;
    if (!PART_KINDS.some((known) => known.kind === kind)) {
      problems.push(
        `${entry}: has no line "kind: '...'" with one of ${PART_KINDS.map((known) => known.kind).join(', ')}`,
      );
    } else if (wordOf(project) !== word) {
      problems.push(`${entry}: is the part '${wordOf(project)}', but its folder has another name`);
    }
    if (words.has(word)) {
      problems.push(`${folder}: another part has the same name`);
    }
    words.add(word);
    const marker = markerOf(root, folder);
    const twin = marker === undefined ? undefined : markers.get(marker);
    if (marker === undefined) {
      problems.push(`${entry}: has no line "marker: '...'"`);
    } else if (twin !== undefined) {
      problems.push(`${entry}: has the marker of '${twin}'`);
    } else {
      markers.set(marker, word);
    }
    if (KNOWN_PARTS.some((known) => wordOf(known) === word)) {
      if (!workspaces.includes(folder)) {
        problems.push(`package.json: workspaces lack ${folder}`);
      }
      if (evidence.length === 0) {
        problems.push(
          `${folder}/package.json: openshell.evidence lists no string that only this part contains`,
        );
      }
    }
    return problems;
  });
}
