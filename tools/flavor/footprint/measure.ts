import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FlavorSpec } from '../choose/flavor-spec.js';
import { readLock } from '../lock-file.js';
import { artifactName, baseName } from '../package/artifacts.js';
import { countLines } from '../package/bundle.js';
import { readFolder } from '../package/files.js';
import { optionalNames, packageFlavor } from '../package/package-flavor.js';
import { programs } from '../package/programs.js';
import type { Component } from '../package/sbom.js';
import { measureTimes, type Times } from './times.js';

/** Independent of the machine: the same commit has the same figures everywhere. */
export interface Footprint {
  readonly flavor: string;
  readonly drivers: readonly string[];
  /** Parts other than drivers, by their words. */
  readonly parts: readonly string[];
  /** Packages that npm installs. */
  readonly packages: number;
  readonly bytesInstalled: number;
  /** The single-file bundle. */
  readonly bytesBundled: number;
  /** Lines of JavaScript in the bundle before minification: what can run. */
  readonly lines: number;
  /** Packages that would run a script at install time, if scripts were on. */
  readonly installScripts: readonly string[];
  /** Number of packages per licence. */
  readonly licenses: Readonly<Record<string, number>>;
}

export interface Measured {
  readonly footprint: Footprint;
  readonly names: readonly string[];
  readonly times: Times | undefined;
}

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of [...values].sort()) {
    counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}

/** Packages one flavor in a folder of its own and measures the result. `timed` also starts it. */
export async function measure(
  root: string,
  spec: FlavorSpec,
  options: { readonly timed: boolean; progress(line: string): void },
): Promise<Measured> {
  const out = mkdtempSync(join(tmpdir(), 'openshell-footprint-'));
  try {
    const began = performance.now();
    const { version } = await packageFlavor({
      root,
      spec,
      out,
      node: 22,
      kinds: ['folder', 'bundle'],
      // Its size depends on the compiler, and so on the machine.
      agent: false,
      env: process.env,
      progress: (line) => options.progress(`${spec.name}: ${line}`),
    });
    const buildMs = performance.now() - began;
    const platform = `${process.platform}-${process.arch}`;
    function path(kind: 'folder' | 'bundle') {
      return join(out, artifactName(kind, baseName(spec, version), platform));
    }

    const { components } = JSON.parse(readFileSync(`${path('folder')}.cdx.json`, 'utf8')) as {
      components: Component[];
    };
    const lock = readLock(root);
    const footprint = {
      flavor: spec.name,
      drivers: spec.drivers,
      parts: spec.parts,
      packages: components.length,
      bytesInstalled: readFolder(path('folder')).reduce(
        (sum, entry) => sum + (entry.type === 'file' ? entry.bytes.length : 0),
        0,
      ),
      bytesBundled: statSync(path('bundle')).size,
      lines: await countLines(path('folder'), {
        programs: programs(path('folder'), spec.drivers),
        optional: optionalNames(root),
      }),
      installScripts: components
        .filter((component) => lock.get(component['bom-ref'])?.hasInstallScript === true)
        .map(({ name }) => name)
        .sort(),
      licenses: countBy(
        components.map(
          ({ licenses }) => licenses?.[0]?.license?.id ?? licenses?.[0]?.expression ?? 'unknown',
        ),
      ),
    };
    const artifacts = { folder: path('folder'), bundle: path('bundle'), drivers: spec.drivers };
    const times = options.timed ? { buildMs, ...(await measureTimes(root, artifacts)) } : undefined;
    return { footprint, names: components.map(({ name, version: v }) => `${name}@${v}`).sort(), times };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
