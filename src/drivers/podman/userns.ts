import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import type { ContainerSpec, IdMapping } from './api/types.js';

const USERNS_MODES = ['auto', 'host', 'keep-id', 'no-map', 'private'] as const;
type UsernsMode = (typeof USERNS_MODES)[number];

export interface UsernsChoice {
  /** Undefined: the engine's own. */
  readonly mode: UsernsMode | undefined;
  readonly uidMap: readonly IdMapping[];
  readonly gidMap: readonly IdMapping[];
}

/** From the settings and OPENSHELL_PODMAN_USERNS. INVALID_ARGUMENT for a mode or mapping that cannot be. */
export function usernsChoice(options: {
  readonly userns: string | undefined;
  readonly uidmap: readonly string[];
  readonly gidmap: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}): UsernsChoice {
  const word = options.userns || options.env.OPENSHELL_PODMAN_USERNS || undefined;
  const mode = USERNS_MODES.find((known) => known === word);
  if (word !== undefined && mode === undefined) {
    throw invalidArgument(`userns: '${word}' is none of ${USERNS_MODES.join(', ')}`, { field: 'userns' });
  }
  const uidMap = options.uidmap.map((text) => parseMapping(text, 'uidmap'));
  const gidMap = options.gidmap.map((text) => parseMapping(text, 'gidmap'));
  if (uidMap.length + gidMap.length > 0 && mode !== 'private') {
    throw invalidArgument('uidmap and gidmap need userns = "private"', { field: 'userns' });
  }
  if (gidMap.length > 0 && uidMap.length === 0) {
    throw invalidArgument('gidmap needs a uidmap beside it', { field: 'uidmap' });
  }
  return { mode, uidMap, gidMap: gidMap.length > 0 ? gidMap : uidMap };
}

/**
 * The user namespace as Podman's API takes it. `hostUsers` is what the sandbox itself asked for: false wants a namespace apart
 * from the host's, which a rootless engine always creates.
 */
export function usernsSpec(
  choice: UsernsChoice,
  hostUsers: boolean | undefined,
  rootless: boolean,
): Pick<ContainerSpec, 'userns' | 'idmappings'> {
  if (hostUsers === false && choice.mode === 'host' && !rootless) {
    throw failedPrecondition('a user namespace was asked for, but the operator has set userns = "host"', {
      field: 'platform_config.host_users',
    });
  }
  const mode = choice.mode ?? (hostUsers === false && !rootless ? 'auto' : undefined);
  if (mode === undefined) {
    return {};
  }
  if (mode === 'auto') {
    return { userns: { nsmode: 'auto' }, idmappings: { AutoUserNs: true, AutoUserNsOpts: { Size: 0 } } };
  }
  if (mode === 'private' && choice.uidMap.length > 0) {
    return {
      userns: { nsmode: 'private' },
      idmappings: { UIDMap: [...choice.uidMap], GIDMap: [...choice.gidMap] },
    };
  }
  return { userns: { nsmode: mode } };
}

function parseMapping(text: string, field: string): IdMapping {
  const match = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text);
  if (match === null || Number(match[3]) === 0) {
    throw invalidArgument(`${field}: '${text}' is no mapping`, {
      field,
      hint: 'write inside:outside:count, e.g. 0:200000:65536',
    });
  }
  return { container_id: Number(match[1]), host_id: Number(match[2]), size: Number(match[3]) };
}
