import { invalidArgument } from '../../../../../compute/errors.js';

/** An image's location, as `docker pull` reads its name. */
export interface ImageReference {
  /** Host and port to connect to, e.g. `registry-1.docker.io` or `127.0.0.1:5000`. */
  readonly host: string;
  /** The registry's name in an auth file, e.g. `docker.io`. */
  readonly registry: string;
  readonly repository: string;
  /** A digest, which wins over a tag, or a tag; `latest` if the name has neither. */
  readonly version: string;
  readonly pinned: boolean;
  /** The full name, e.g. `docker.io/library/alpine:3`. */
  readonly text: string;
}

const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_ALIASES = new Set([DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io']);
const DOCKER_HUB_HOST = 'registry-1.docker.io';

const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/i;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
export const DIGEST = /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/;
const MAX_REPOSITORY = 255;

/** A first part with a dot or a port, or `localhost`, is a host; otherwise the repository is on Docker Hub. */
function looksLikeHost(part: string): boolean {
  return part === 'localhost' || /[.:]/.test(part);
}

/** Parses `[host[:port]/]repository[:tag][@digest]`. INVALID_ARGUMENT when it has another form. */
export function parseReference(name: string): ImageReference {
  function refuse(why: string) {
    return invalidArgument(`'${name}' is not a valid image name: ${why}`, {
      field: 'spec.template.image',
      reason: 'ImagePullFailed',
      hint: 'write host[:port]/repository[:tag] or host[:port]/repository@sha256:...',
    });
  }

  const [named = '', digest, ...more] = name.split('@');
  if (more.length > 0) {
    throw refuse('it has more than one @');
  }
  if (digest !== undefined && !DIGEST.test(digest)) {
    throw refuse(`'${digest}' is not a digest`);
  }
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const hasHost = slash >= 0 && looksLikeHost(first);
  const path = hasHost ? named.slice(slash + 1) : named;
  if (hasHost && !HOST.test(first)) {
    throw refuse(`'${first}' is not a host`);
  }
  const colon = path.indexOf(':');
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw refuse(`'${tag}' is not a tag`);
  }
  let repository = colon < 0 ? path : path.slice(0, colon);
  if (repository.length > MAX_REPOSITORY || !repository.split('/').every((part) => COMPONENT.test(part))) {
    throw refuse(`'${repository}' is not a repository`);
  }
  const host = hasHost ? first.toLowerCase() : DOCKER_HUB;
  const isHub = DOCKER_HUB_ALIASES.has(host);
  const registry = isHub ? DOCKER_HUB : host;
  if (isHub && !repository.includes('/')) {
    repository = `library/${repository}`;
  }
  const version = digest ?? tag ?? 'latest';
  return {
    host: isHub ? DOCKER_HUB_HOST : host,
    registry,
    repository,
    version,
    pinned: digest !== undefined,
    text: `${registry}/${repository}${digest === undefined ? ':' : '@'}${version}`,
  };
}
