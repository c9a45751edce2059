import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const OTHERS_WRITE = 0o022;
const OTHERS = 0o077;
/** In a folder with it only the owner of a file can replace it. */
const STICKY = 0o1000;

/**
 * Has Node (22.8 and later) keep the compiled form of our modules, so that the next command does not compile them
 * again: in `openshell/compile-cache` below XDG_CACHE_HOME, or `~/.cache`. Whoever writes there decides what we run; so
 * it is used only when it is the user's own, closed to others, on a path that nobody else can change. When it is not,
 * or cannot be made, nothing is kept, and nothing is said. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */
export function keepCompiledCode(env: NodeJS.ProcessEnv): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  // An executable or a single file has its code compiled already.
  if (enableCompileCache === undefined || import.meta.url === undefined) {
    return;
  }
  if (env.NODE_DISABLE_COMPILE_CACHE || env.NODE_COMPILE_CACHE) {
    return;
  }
  try {
    const folder = ownFolder(env);
    if (folder !== undefined) {
      enableCompileCache(folder);
    }
  } catch {
    // A cache is nothing that a command could fail for.
  }
}

function ownFolder(env: NodeJS.ProcessEnv): string | undefined {
  const base = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  if (!isAbsolute(base)) {
    return undefined;
  }
  const folder = join(base, 'openshell', 'compile-cache');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const uid = process.getuid?.();
  const { uid: owner, mode } = lstatSync(folder);
  if (uid === undefined || owner !== uid || (mode & OTHERS) !== 0) {
    return undefined;
  }
  return isOutOfReach(realpathSync(folder), uid) ? folder : undefined;
}

/** Whether nobody but the user and root can put something else in the place of `folder`, or of a folder above it. */
function isOutOfReach(folder: string, uid: number): boolean {
  for (let path = folder; ; path = dirname(path)) {
    const { uid: owner, mode } = lstatSync(path);
    if (owner !== uid && owner !== 0) {
      return false;
    }
    if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) {
      return false;
    }
    if (path === dirname(path)) {
      return true;
    }
  }
}
