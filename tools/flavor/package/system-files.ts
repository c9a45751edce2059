import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { outcome, program } from '../program.js';

/** A file of the host that an image needs. */
export interface SystemFile {
  /** In the image, without a leading slash. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly mode: number;
  /** The distribution's package that owns it; undefined when unknown. */
  readonly package: SystemPackage | undefined;
}

export interface SystemPackage {
  readonly name: string;
  readonly version: string;
  /** E.g. `debian`. */
  readonly distribution: string;
}

const CERTIFICATES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];
const CERTIFICATES_IN_IMAGE = 'etc/ssl/certs/ca-certificates.crt';

function distribution(): string {
  return (
    (existsSync('/etc/os-release') && /^ID=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]) ||
    'linux'
  );
}

async function dpkg(args: readonly string[]): Promise<string | undefined> {
  try {
    const { status, stdout } = await outcome('dpkg-query', args, { cwd: '/' });
    return status === 0 ? stdout.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The distribution's package of a file on this host. dpkg lists some files by their path before the /usr merge. */
export async function ownerOf(path: string): Promise<SystemPackage | undefined> {
  for (const candidate of [path, realpathSync(path), realpathSync(path).replace(/^\/usr\//, '/')]) {
    const name = (await dpkg(['-S', candidate]))?.split(':')[0];
    const version = name === undefined ? undefined : await dpkg(['-W', '-f', `\${Version}\n`, name]);
    if (name !== undefined && version !== undefined) {
      return { name, version: version.split('\n')[0] as string, distribution: distribution() };
    }
  }
  return undefined;
}

/** The shared libraries and the loader of an executable, at the paths where the loader looks. */
export async function libraries(executable: string): Promise<SystemFile[]> {
  const output = await program('ldd', [executable], { cwd: '/' });
  if (/not found/.test(output)) {
    throw failedPrecondition(`the executable lacks libraries here:\n${output}`);
  }
  const paths = [...output.matchAll(/(?:=>\s*)?(\/\S+)\s+\(0x/g)].map(([, path]) => path as string).sort();
  return Promise.all(
    paths.map(async (path) => ({
      path: path.slice(1),
      bytes: readFileSync(path),
      mode: 0o755,
      package: await ownerOf(path),
    })),
  );
}

/** The certificate authorities that this host trusts. */
export async function certificates(): Promise<SystemFile> {
  const path = CERTIFICATES.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw failedPrecondition('there are no CA certificates for the image', {
      hint: `install ca-certificates; tried ${CERTIFICATES.join(', ')}`,
    });
  }
  // An install script creates the bundle, so no package owns it.
  const version = await dpkg(['-W', '-f', `\${Version}`, 'ca-certificates']);
  return {
    path: CERTIFICATES_IN_IMAGE,
    bytes: readFileSync(path),
    mode: 0o644,
    package:
      version === undefined ? undefined : { name: 'ca-certificates', version, distribution: distribution() },
  };
}
