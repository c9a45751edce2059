import { isAbsolute, join } from 'node:path';

/** The folders that defaults are based on. */
export interface HomePaths {
  /** `$XDG_CONFIG_HOME/openshell`, else `~/.config/openshell`. */
  readonly configDir: string;
  /** `$XDG_STATE_HOME/openshell`, else `~/.local/state/openshell`. */
  readonly stateDir: string;
}

/** Follows the XDG base directory specification; relative paths in the environment are ignored. */
export function homePaths(env: Readonly<Record<string, string | undefined>>, homeDir: string): HomePaths {
  function base(name: string, fallback: string): string {
    const value = env[name];
    return value !== undefined && isAbsolute(value) ? value : join(homeDir, fallback);
  }

  return {
    configDir: join(base('XDG_CONFIG_HOME', '.config'), 'openshell'),
    stateDir: join(base('XDG_STATE_HOME', '.local/state'), 'openshell'),
  };
}
