import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readFlavor, specOf } from '../../dist-tools/flavor/choose/flavor-files.js';
import {
  ARTIFACT_KINDS,
  type ArtifactKind,
  artifactName,
  baseName,
} from '../../dist-tools/flavor/package/artifacts.js';
import type { Manifest } from '../../dist-tools/flavor/package/manifest.js';
import { packageFlavor } from '../../dist-tools/flavor/package/package-flavor.js';
import { type Checkout, openCheckout } from '../flavor/checkout.js';
import { isRequired } from '../support/engines.js';
import { tempFolder } from '../support/folder.js';

/** One packaging of one flavor, in a copy of this checkout. */
export interface Made {
  readonly out: string;
  readonly manifest: Manifest;
  path(kind: ArtifactKind): string;
}

export interface MakeOptions {
  readonly flavor: string;
  readonly checkout: Checkout;
  readonly out: string;
  readonly node?: 20 | 22;
  readonly kinds?: readonly ArtifactKind[];
}

/** Whether guest agents are compiled: without musl-gcc only where no virtual machines are required. */
export const withAgent: boolean =
  isRequired('vm') ||
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'musl-gcc')));

const EPOCH_SECONDS = '1700000000';
function progress(line: string): void {
  process.stderr.write(`# ${line}\n`);
}

export async function make({
  flavor,
  checkout,
  out,
  node = 22,
  kinds = ARTIFACT_KINDS,
}: MakeOptions): Promise<Made> {
  const spec = specOf(readFlavor(checkout.root, flavor));
  const env = { ...process.env, SOURCE_DATE_EPOCH: EPOCH_SECONDS };
  const options = { root: checkout.root, spec, out, node, kinds, agent: withAgent, env, progress };
  const manifest = await packageFlavor(options);
  const platform = `${process.platform}-${process.arch}`;
  const base = baseName(spec, manifest.version);
  return { out, manifest, path: (kind) => join(out, artifactName(kind, base, platform)) };
}

/** Folders for artifacts and copies of the checkout, all gone at `close`. */
export interface Yard {
  folder(): string;
  checkout(): Checkout;
  close(): void;
}

export function openYard(): Yard {
  const closers: (() => void)[] = [];
  return {
    folder() {
      const { path, remove } = tempFolder();
      closers.push(remove);
      return path;
    },
    checkout() {
      const checkout = openCheckout();
      closers.push(() => checkout.remove());
      return checkout;
    },
    close: () => {
      for (const close of closers) {
        close();
      }
    },
  };
}
