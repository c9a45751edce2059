/** The oldest version whose API has what is used here. */
const OLDEST = [4, 3] as const;
/** The newest major version that was read about; a later service still speaks it. */
const NEWEST_MAJOR = 5;

/**
 * The version to put into the paths of requests, from the version the service reports (`4.3.1`, `5.2.0-dev`);
 * undefined when it is too old or no version at all.
 */
export function negotiateVersion(served: string): string | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(served);
  if (match === null) {
    return undefined;
  }
  const [major, minor, patch] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return undefined;
  }
  return major > NEWEST_MAJOR ? `${NEWEST_MAJOR}.0.0` : `${major}.${minor}.${patch}`;
}
