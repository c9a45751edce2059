import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const OTHERS_WRITE = 0o022;
const OTHERS = 0o077;
/** In a folder with it only the owner of a file can replace it. */
const STICKY = 0o1000;

/**
 * Makes Node (22.8 and later) cache the compiled form of our modules, so that the next command need not compile them:
 * in `openshell/compile-cache` below XDG_CACHE_HOME, or `~/.cache`. Whoever can write there controls what we run, so
 * the folder must belong to the user, be closed to others, and be on a path that nobody else can change. Otherwise, or
 * if it cannot be created, nothing is cached and nothing is reported. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */
export function keepCompiledCode(env: NodeJS.ProcessEnv): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  // An executable or a single file has its own code cache.
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
    // A command must not fail because of the cache.
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

/** Whether only the user and root can replace `folder` or a folder above it. */
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
