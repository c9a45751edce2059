import { isAbsolute, join } from 'node:path';

/** The folders that defaults are made from. */
export interface HomePaths {
  /** `$XDG_CONFIG_HOME/openshell`, else `~/.config/openshell`. */
  readonly configDir: string;
  /** `$XDG_STATE_HOME/openshell`, else `~/.local/state/openshell`. */
  readonly stateDir: string;
}

/** As the XDG base directory specification says; a relative path in the environment is ignored. */
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
