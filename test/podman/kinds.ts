import { describe } from 'node:test';
import type { Bed } from '../conformance/bed.js';
import { type PodmanKind, podmanApi, podmanSocket } from '../conformance/podman-api.js';
import { podmanBed } from '../conformance/podman-bed.js';
import { createWorkbench, type Workbench } from '../conformance/workbench.js';
import { skipWithout } from '../support/engines.js';

export interface Engine extends Workbench {
  readonly kind: PodmanKind;
  readonly socket: string;
  /** A bare call to the same service. */
  api(method: string, path: string, body?: object): ReturnType<typeof podmanApi>;
}

/** Declares tests for the rootful and for the rootless service; skipped, or failed when required, where there is none. */
export async function onBothKinds(title: string, declare: (engine: Engine) => void): Promise<void> {
  for (const kind of ['rootful', 'rootless'] as const) {
    const bed: Bed = await podmanBed(kind);
    const skip = skipWithout(bed.name, await bed.unavailable());
    describe(`${title} (${kind})`, { skip, concurrency: false }, () => {
      const socket = podmanSocket(kind);
      declare({
        ...createWorkbench(bed),
        kind,
        socket,
        api: (method, path, body) => podmanApi(socket, method, path, body),
      });
    });
  }
}
