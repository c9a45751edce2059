import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The `skip` of tests that need certificates. */
export const withoutOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not here';

const CONFIG = `[ca]
default_ca = own
[own]
new_certs_dir = .
database = index.txt
serial = serial
default_md = sha256
default_days = 2
default_crl_days = 2
unique_subject = no
policy = any
[any]
commonName = optional
`;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

interface IssueOptions {
  /** Default: the name of the certificate. */
  readonly subject?: string;
  /** The name of the authority; default `ca`. */
  readonly ca?: string;
  /** E.g. `subjectAltName=IP:127.0.0.1`. */
  readonly extensions?: readonly string[];
  /** Default: from now for two days. */
  readonly from?: string;
  readonly to?: string;
}

export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Authorities and what they sign: NAME.crt and NAME.key in the folder. */
export interface Certificates {
  file(name: string): string;
  pem(name: string): Buffer;
  pair(name: string): KeyPair;
  /** Signed by its own key. */
  authority(name: string, ...extensions: string[]): KeyPair;
  issue(name: string, options?: IssueOptions): KeyPair;
  revoke(name: string): void;
  /** Writes what `ca` has revoked. */
  listRevoked(name: string): void;
}

export function createCertificates(folder: string): Certificates {
  function openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  }
  function sign(ca: string, ...args: string[]): void {
    openssl('ca', '-config', 'ca.cnf', '-cert', `${ca}.crt`, '-keyfile', `${ca}.key`, ...args);
  }
  function file(name: string): string {
    return join(folder, name);
  }
  function pem(name: string): Buffer {
    return readFileSync(file(name));
  }
  function pair(name: string): KeyPair {
    return { cert: pem(`${name}.crt`), key: pem(`${name}.key`) };
  }
  writeFileSync(file('ca.cnf'), CONFIG);
  writeFileSync(file('index.txt'), '');
  writeFileSync(file('serial'), '1000\n');
  return {
    file,
    pem,
    pair,
    authority(name, ...extensions) {
      const more = extensions.flatMap((extension) => ['-addext', extension]);
      const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
      openssl('req', '-x509', ...NEW_KEY, ...files, '-days', '2', '-subj', `/CN=${name}`, ...more);
      return pair(name);
    },
    issue(name, { subject = `/CN=${name}`, ca = 'ca', extensions = [], from, to } = {}) {
      openssl('req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
      writeFileSync(file(`${name}.ext`), ['basicConstraints=critical,CA:FALSE', ...extensions].join('\n'));
      const files = ['-extfile', `${name}.ext`, '-in', `${name}.csr`, '-out', `${name}.crt`];
      const dates = from === undefined || to === undefined ? [] : ['-startdate', from, '-enddate', to];
      sign(ca, '-batch', '-notext', '-preserveDN', ...files, ...dates);
      return pair(name);
    },
    revoke: (name) => sign('ca', '-revoke', `${name}.crt`),
    listRevoked: (name) => sign('ca', '-gencrl', '-out', name),
  };
}
