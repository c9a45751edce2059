import { resolve } from 'node:path';
import { isLoopback } from '../kit/loopback.js';
import type { TlsConfig } from './gateway-config.js';
import { KEYS } from './keys.js';
import type { Listeners } from './listeners.js';
import { originPlace, type Sourced } from './origin.js';
import { effective, type Report, type Values } from './values.js';

const {
  tlsCert,
  tlsKey,
  tlsClientCa,
  tlsClientCrl,
  requireClientAuth,
  disableTls,
  allowUnauthenticatedUsers,
} = KEYS;

/** TLS as it is in force: undefined is plaintext. Reports keys that contradict each other. */
export function resolveTls(values: Values, report: Report): TlsConfig | undefined {
  const cert = effective(values.tlsCert);
  const key = effective(values.tlsKey);
  const clientCa = effective(values.tlsClientCa);
  const clientCrl = effective(values.tlsClientCrl);
  const required = effective(values.requireClientAuth);
  function complain(source: Sourced<unknown>, key: string, message: string): void {
    report({ place: originPlace(source.origin), key, message });
  }

  if (cert !== undefined && key === undefined) {
    complain(cert, tlsCert.path, `needs ${tlsKey.path} beside it`);
  }
  if (key !== undefined && cert === undefined) {
    complain(key, tlsKey.path, `needs ${tlsCert.path} beside it`);
  }
  if (clientCa !== undefined && cert === undefined && key === undefined) {
    complain(clientCa, tlsClientCa.path, `needs ${tlsCert.path} and ${tlsKey.path} beside it`);
  }
  if (clientCrl !== undefined && clientCa === undefined) {
    complain(clientCrl, tlsClientCrl.path, `needs ${tlsClientCa.path} beside it`);
  }
  if (clientCa !== undefined && required?.value === false) {
    const message = `is false, but ${tlsClientCa.path} is set, which makes client certificates required; remove one of the two`;
    complain(required, requireClientAuth.path, message);
  }
  if (clientCa === undefined && required?.value === true) {
    complain(required, requireClientAuth.path, `is true, but ${tlsClientCa.path} is not set; set it`);
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

/** A listener beyond loopback is open to everyone unless clients have certificates: the operator has to say so. */
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
  if (tls?.clientCaPath === undefined && !effective(values.allowUnauthenticatedUsers)?.value) {
    const message = `${value.host} can be reached from other machines and clients need no certificate; set ${tlsClientCa.path}, or allow everyone by ${allowUnauthenticatedUsers.path} = true`;
    report({ place, key, message });
  }
  if (tls === undefined && !effective(values.disableTls)?.value) {
    const message = `${value.host} can be reached from other machines without encryption; set ${tlsCert.path} and ${tlsKey.path}, or allow plaintext by ${disableTls.path} = true`;
    report({ place, key, message });
  }
}
