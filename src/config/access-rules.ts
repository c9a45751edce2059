import { resolve } from 'node:path';
import { isLoopback } from '../kit/loopback.js';
import type { TlsConfig } from './gateway-config.js';
import { KEYS } from './keys.js';
import type { Listeners } from './listeners.js';
import { originPlace, type Sourced } from './origin.js';
import { effective, type Report, type Values } from './values.js';

/** The effective TLS settings; undefined: plaintext. Reports keys that contradict each other. */
export function resolveTls(values: Values, report: Report): TlsConfig | undefined {
  const cert = effective(values.tlsCert);
  const key = effective(values.tlsKey);
  const clientCa = effective(values.tlsClientCa);
  const clientCrl = effective(values.tlsClientCrl);
  const required = effective(values.requireClientAuth);
  const { tlsCert, tlsKey, tlsClientCa } = KEYS;

  function complain(source: Sourced<unknown>, { path }: { path: string }, message: string): void {
    report({ place: originPlace(source.origin), key: path, message });
  }

  if (cert !== undefined && key === undefined) {
    complain(cert, tlsCert, `requires ${tlsKey.path}`);
  }
  if (key !== undefined && cert === undefined) {
    complain(key, tlsKey, `requires ${tlsCert.path}`);
  }
  if (clientCa !== undefined && cert === undefined && key === undefined) {
    complain(clientCa, tlsClientCa, `requires ${tlsCert.path} and ${tlsKey.path}`);
  }
  if (clientCrl !== undefined && clientCa === undefined) {
    complain(clientCrl, KEYS.tlsClientCrl, `requires ${tlsClientCa.path}`);
  }
  if (clientCa !== undefined && required?.value === false) {
    const message = `is false, but ${tlsClientCa.path} is set, which makes client certificates required; remove one of the two`;
    complain(required, KEYS.requireClientAuth, message);
  }
  if (clientCa === undefined && required?.value === true) {
    complain(required, KEYS.requireClientAuth, `is true, but ${tlsClientCa.path} is not set; set it`);
  }
  if (cert === undefined || key === undefined || effective(values.disableTls)?.value) {
    return undefined;
  }
  return {
    certPath: resolve(cert.value),
    keyPath: resolve(key.value),
    clientCaPath: clientCa && resolve(clientCa.value),
    clientCrlPath: clientCrl && resolve(clientCrl.value),
  };
}

/** Reports a listener beyond loopback without client certificates or TLS, unless the operator allows that. */
export function checkExposure(
  listeners: Listeners,
  tls: TlsConfig | undefined,
  values: Values,
  report: Report,
): void {
  const { value, origins } = listeners.bindAddress;
  const [hostOrigin] = origins;
  if (isLoopback(value.host) || hostOrigin === undefined) {
    return;
  }
  const place = originPlace(hostOrigin);
  const key = KEYS.bindAddress.path;
  const { tlsCert, tlsKey, tlsClientCa, allowUnauthenticatedUsers, disableTls } = KEYS;
  if (tls?.clientCaPath === undefined && !effective(values.allowUnauthenticatedUsers)?.value) {
    const message = `${value.host} can be reached from other machines and clients need no certificate; set ${tlsClientCa.path}, or allow everyone with ${allowUnauthenticatedUsers.path} = true`;
    report({ place, key, message });
  }
  if (tls === undefined && !effective(values.disableTls)?.value) {
    const message = `${value.host} can be reached from other machines without encryption; set ${tlsCert.path} and ${tlsKey.path}, or allow plaintext with ${disableTls.path} = true`;
    report({ place, key, message });
  }
}
