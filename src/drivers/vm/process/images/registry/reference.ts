import { invalidArgument } from '../../../../../compute/errors.js';

/** Where an image lies: what `docker pull` would make of its name. */
export interface ImageReference {
  /** Host and port as they are asked, e.g. `registry-1.docker.io` or `127.0.0.1:5000`. */
  readonly host: string;
  /** As an auth file calls the registry, e.g. `docker.io`. */
  readonly registry: string;
  readonly repository: string;
  /** A digest, which then decides, or a tag; `latest` where the name has neither. */
  readonly version: string;
  readonly pinned: boolean;
  /** The whole name, e.g. `docker.io/library/alpine:3`. */
  readonly text: string;
}

const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_ALIASES = new Set([DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io']);
const DOCKER_HUB_HOST = 'registry-1.docker.io';

const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/i;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/;
const MAX_REPOSITORY = 255;

/** A first part with a dot or a port, or `localhost`, is a host; anything else begins a repository of Docker Hub. */
function looksLikeHost(part: string): boolean {
  return part === 'localhost' || /[.:]/.test(part);
}

/** Reads `[host[:port]/]repository[:tag][@digest]`. INVALID_ARGUMENT when it is none. */
export function parseReference(name: string): ImageReference {
  function refuse(why: string) {
    return invalidArgument(`'${name}' is not the name of an image: ${why}`, {
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
    throw refuse(`'${digest}' is no digest`);
  }
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const hasHost = slash >= 0 && looksLikeHost(first);
  const path = hasHost ? named.slice(slash + 1) : named;
  if (hasHost && !HOST.test(first)) {
    throw refuse(`'${first}' is no host`);
  }
  const colon = path.indexOf(':');
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw refuse(`'${tag}' is no tag`);
  }
  let repository = colon < 0 ? path : path.slice(0, colon);
  if (repository.length > MAX_REPOSITORY || !repository.split('/').every((part) => COMPONENT.test(part))) {
    throw refuse(`'${repository}' is no repository`);
  }
  const given = hasHost ? first.toLowerCase() : DOCKER_HUB;
  const isHub = DOCKER_HUB_ALIASES.has(given);
  const registry = isHub ? DOCKER_HUB : given;
  if (isHub && !repository.includes('/')) {
    repository = `library/${repository}`;
  }
  const version = digest ?? tag ?? 'latest';
  return {
    host: isHub ? DOCKER_HUB_HOST : given,
    registry,
    repository,
    version,
    pinned: digest !== undefined,
    text: `${registry}/${repository}${digest === undefined ? ':' : '@'}${version}`,
  };
}
