import { Code, OpenShellError } from '../../compute/errors.js';
import type { Reason } from '../../compute/reasons.js';
import type { Authenticator } from './principal.js';

/** The user is the common name of the client certificate, which the handshake has verified. */
export const mutualTls: Authenticator = {
  async authenticate({ peer }) {
    const [name, ...more] = peer.certificateCommonNames;
    if (more.length > 0) {
      throw unauthenticated('the client certificate has several common names', {
        reason: 'ClientCertificateAmbiguous',
        hint: 'use a certificate with a single common name, which names the user',
      });
    }
    // It was valid at the handshake, but the connection may outlive it.
    if (peer.certificateExpiresMs !== undefined && !(peer.certificateExpiresMs > Date.now())) {
      throw unauthenticated('the client certificate has expired', {
        reason: 'ClientCertificateExpired',
        hint: 'renew it and connect again',
      });
    }
    if (name === undefined || name === '') {
      return undefined;
    }
    return {
      kind: 'user',
      subject: name,
      displayName: name,
      roles: ['platform_admin'],
      groups: [],
      provider: 'mtls',
      validUntilMs: peer.certificateExpiresMs,
    };
  },
  missing() {
    return unauthenticated('missing client certificate', {
      reason: 'ClientCertificateMissing',
      hint: 'use a certificate with a common name, issued by the configured client CA',
    });
  },
};

function unauthenticated(message: string, options: { reason: Reason; hint: string }): OpenShellError {
  return new OpenShellError(Code.UNAUTHENTICATED, message, options);
}
