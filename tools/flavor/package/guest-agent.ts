import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { compileAgent } from '../../../dist/agent/build.js';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import type { PartProject } from '../choose/projects.js';
import { outcome } from '../program.js';
import type { TarEntry } from './formats/tar.js';
import { ownerOf, type SystemPackage } from './system-files.js';
import type { Toolchain } from './toolchain.js';

export const AGENT = 'openshell-agent';
/** Its path in a folder, beside the code that looks for it. */
export const AGENT_FILE = `dist/agent/${AGENT}`;
/** Precedes the agent in the code of a bundle. */
export const EMBEDDED_BEGINS = 'EMBEDDED_AGENT="';

/** The program inside a virtual machine, compiled. */
export interface GuestAgent {
  readonly bytes: Buffer;
  /** Packages of this host whose code is linked into it. */
  readonly linked: readonly SystemPackage[];
}

const COMPILER = 'musl-gcc';
const COMPILE_TIMEOUT_MS = 120_000;
const MODULE = 'dist/agent/embedded.js';

/** Whether one of the parts uses the agent: its project then references the agent's. */
export function hasAgent({ tree }: Toolchain, parts: readonly PartProject[]): boolean {
  return parts.some(({ folder }) => {
    const config = readFileSync(join(tree, folder, 'tsconfig.json'), 'utf8');
    const { references = [] } = JSON.parse(config) as { references?: { path: string }[] };
    return references.some(({ path }) => posix.basename(path) === 'agent');
  });
}

/** The packages with the libraries that the linker uses for any program. */
async function linkedPackages({ scratch }: Toolchain): Promise<SystemPackage[]> {
  const source = join(scratch, 'empty.c');
  writeFileSync(source, 'int main(void) { return 0; }\n');
  const args = ['-static', '-Wl,--trace', '-o', join(scratch, 'empty'), source];
  const { stdout } = await outcome(COMPILER, args, { cwd: scratch });
  const paths = new Set(stdout.match(/^\/[^\s():]+\.(a|o)\b/gm)?.filter((path) => existsSync(path)));
  const packages = new Map<string, SystemPackage>();
  for (const path of [...paths].sort()) {
    const owner = await ownerOf(path);
    if (owner !== undefined) {
      packages.set(owner.name, owner);
    }
  }
  return [...packages.values()];
}

/** Compiles the agent from the tree's sources. FAILED_PRECONDITION without a compiler for it. */
export async function compileGuestAgent(
  toolchain: Toolchain,
  progress: (line: string) => void,
): Promise<GuestAgent> {
  progress('compile the guest agent');
  const output = join(toolchain.scratch, AGENT);
  try {
    await compileAgent(output, {
      signal: AbortSignal.timeout(COMPILE_TIMEOUT_MS),
      compiler: COMPILER,
      sources: join(toolchain.tree, 'src', 'agent', 'guest'),
    });
  } catch (cause) {
    throw failedPrecondition(`this flavor ships a guest agent, and ${(cause as Error).message}`, {
      cause,
      hint: 'install musl-tools (Debian, Ubuntu) or musl-gcc, or use --without-agent; prepare then needs an agent',
    });
  }
  return { bytes: readFileSync(output), linked: await linkedPackages(toolchain) };
}

/** The agent as a file of a folder. */
export function agentEntry({ bytes }: GuestAgent): TarEntry {
  return {
    type: 'file',
    path: AGENT_FILE,
    mode: 0o755,
    bytes,
  };
}

/** Embeds the agent in the code that a bundle is built from. */
export function embedAgent({ tree }: Toolchain, { bytes }: GuestAgent): void {
  writeFileSync(join(tree, MODULE), `export const EMBEDDED_AGENT = "${bytes.toString('base64')}";\n`);
}
