import { failedPrecondition, type OpenShellError } from './errors.js';
import { KNOWN_DRIVERS, KNOWN_PARTS, type KnownPart, wordOf } from './known-parts.js';

const DEFAULT_FLAVOR = 'default';

/** A part in the words of messages, e.g. `the store 'sqlite'`. */
export function partText({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return kind === name ? `the part '${name}'` : `the ${kind} '${name}'`;
}

/** The command that builds a gateway with the part: a driver's own flavor, else this flavor plus the part. */
export function commandFor(part: Pick<KnownPart, 'kind' | 'name'>, flavor: string): string {
  const { kind, name } = part;
  const own = kind === 'driver' ? KNOWN_DRIVERS.find((known) => known.name === name) : undefined;
  if (own !== undefined) {
    return own.command;
  }
  const build = flavor === DEFAULT_FLAVOR ? 'npm run build' : `npm run build -- ${flavor}`;
  return `npm run flavor -- add ${flavor} ${wordOf(part)} && ${build}`;
}

/**
 * FAILED_PRECONDITION with reason `PartNotInBuild`, for what needs a part that this build lacks: a configuration at
 * startup, before anything listens, or a request.
 *
 * @param part one that the project knows
 * @param flavor the name of this build's flavor
 * @param what that needs it, the subject of the sentence, e.g. `the database URL` or `--policy`
 */
export function partNotInBuild(
  part: Pick<KnownPart, 'kind' | 'name'>,
  flavor: string,
  what: string,
): OpenShellError {
  const known = KNOWN_PARTS.find(({ kind, name }) => kind === part.kind && name === part.name);
  const hint = known === undefined ? {} : { hint: `get it with '${commandFor(known, flavor)}'` };
  return failedPrecondition(
    `${what} needs ${partText(part)}, which is not in this build; this build is the flavor '${flavor}'`,
    { reason: 'PartNotInBuild', ...hint },
  );
}
