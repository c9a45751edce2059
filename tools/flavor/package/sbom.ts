import { type LockPackage, packageName } from '../lock-file.js';
import { sha256 } from './files.js';
import { AGENT, type GuestAgent } from './guest-agent.js';
import type { Release } from './release.js';
import type { SystemFile } from './system-files.js';

export interface Component {
  readonly type: 'application' | 'library' | 'platform' | 'data';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly { readonly license?: { readonly id: string }; readonly expression?: string }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

export interface SbomOptions {
  /** The artifact's file name. */
  readonly artifact: string;
  readonly flavor: string;
  readonly release: Release;
  /** The packages in it, by their path in the tree. */
  readonly packages: ReadonlyMap<string, LockPackage>;
  /** The version of Node in it; undefined when there is none. */
  readonly node?: string;
  readonly system?: readonly SystemFile[];
  readonly agent?: GuestAgent | undefined;
}

function licenses(license: string | undefined): Pick<Component, 'licenses'> {
  if (license === undefined) {
    return {};
  }
  return { licenses: [/[ (]/.test(license) ? { expression: license } : { license: { id: license } }] };
}

function hashes(integrity: string | undefined): Pick<Component, 'hashes'> {
  const [algorithm, digest] = integrity?.split('-') ?? [];
  if (algorithm !== 'sha512' || digest === undefined) {
    return {};
  }
  return { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] };
}

function npmComponent(place: string, entry: LockPackage): Component {
  const name = packageName(place, entry);
  const version = entry.version ?? '';
  return {
    type: 'library',
    'bom-ref': place,
    name,
    version,
    purl: `pkg:npm/${name.replace(/^@/, '%40')}@${version}`,
    ...licenses(entry.license),
    ...hashes(entry.integrity),
  };
}

/** One component per package, with its files that are in the artifact. */
function systemComponents(files: readonly SystemFile[]): Component[] {
  const owners = new Map<string, SystemFile[]>();
  for (const file of files) {
    const key = file.package?.name ?? file.path;
    owners.set(key, [...(owners.get(key) ?? []), file]);
  }
  return [...owners].map(([key, owned]) => {
    const owner = owned[0]?.package;
    const version = owner?.version ?? `sha256.${sha256(owned[0]?.bytes ?? Buffer.alloc(0))}`;
    const kind = owner === undefined ? 'generic' : `deb/${owner.distribution}`;
    return {
      type: key === 'ca-certificates' ? 'data' : 'library',
      'bom-ref': `system/${key}`,
      name: key,
      version,
      purl: `pkg:${kind}/${encodeURIComponent(key)}@${encodeURIComponent(version)}`,
      properties: owned.map(({ path }) => ({ name: 'openshell:file', value: `/${path}` })),
    };
  });
}

/** The agent, and the packages of this host that are linked into it. */
function agentComponents({ bytes, linked }: GuestAgent, { version }: Release): Component[] {
  return [
    {
      type: 'application',
      'bom-ref': AGENT,
      name: AGENT,
      version,
      purl: `pkg:generic/${AGENT}@${version}`,
      licenses: [{ license: { id: 'Apache-2.0' } }],
      hashes: [{ alg: 'SHA-256', content: sha256(bytes) }],
    },
    ...linked.map(
      (owner): Component => ({
        type: 'library',
        'bom-ref': `${AGENT}/${owner.name}`,
        name: owner.name,
        version: owner.version,
        purl: `pkg:deb/${owner.distribution}/${encodeURIComponent(owner.name)}@${encodeURIComponent(owner.version)}`,
      }),
    ),
  ];
}

/** A UUID derived from the content. */
function contentUuid(content: string): string {
  const hex = sha256(Buffer.from(content));
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}

/** A CycloneDX 1.6 document of exactly the contents of one artifact. */
export function sbom(options: SbomOptions): string {
  const { artifact, flavor, release, node } = options;
  const components: Component[] = [
    ...[...options.packages].map(([place, entry]) => npmComponent(place, entry)),
    ...(node === undefined
      ? []
      : [
          {
            type: 'platform',
            'bom-ref': 'node',
            name: 'node',
            version: node,
            purl: `pkg:generic/node@${node}`,
            licenses: [{ license: { id: 'MIT' } }],
          } as const,
        ]),
    ...systemComponents(options.system ?? []),
    ...(options.agent === undefined ? [] : agentComponents(options.agent, release)),
  ].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const metadata = {
    timestamp: new Date(release.epochSeconds * 1000).toISOString(),
    component: {
      type: 'application',
      'bom-ref': artifact,
      name: `openshell-gateway-${flavor}`,
      version: release.version,
      licenses: [{ license: { id: 'Apache-2.0' } }],
      properties: [
        { name: 'openshell:artifact', value: artifact },
        { name: 'openshell:commit', value: release.commit },
      ],
    },
  };
  const dependencies = [{ ref: artifact, dependsOn: components.map((component) => component['bom-ref']) }];
  const body = { metadata, components, dependencies };
  const serialNumber = `urn:uuid:${contentUuid(JSON.stringify(body))}`;
  return `${JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber, version: 1, ...body }, null, 2)}\n`;
}
