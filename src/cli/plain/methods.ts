import type { UnaryMethod } from '../../rpc/client/contract.js';
import { type Fields, readFields } from './fields.js';

/** The responses for commands that only inspect the gateway, as JSON shows them. */
export interface Health {
  readonly status: string;
  readonly version: string;
}

export interface GatewayInfo {
  readonly status: string;
  readonly gateway_version: string;
  readonly compute_drivers: readonly {
    readonly name: string;
    readonly capabilities?: { readonly driver_name: string; readonly driver_version: string };
  }[];
}

interface CurrentUser {
  readonly subject: string;
  readonly display_name: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly identity_provider: string;
}

const STATUS = ['unspecified', 'healthy', 'degraded', 'unhealthy'] as const;

/** Fields in the order of their numbers. */
export const HEALTH: Fields = {
  fields: [
    { name: 'status', type: STATUS },
    { name: 'version', type: 'text' },
  ],
};

const CAPABILITIES: Fields = {
  fields: [
    { name: 'driver_name', type: 'text' },
    { name: 'driver_version', type: 'text' },
  ],
};

const DRIVER: Fields = {
  fields: [
    { name: 'name', type: 'text' },
    { name: 'capabilities', type: CAPABILITIES },
  ],
};

export const GATEWAY_INFO: Fields = {
  fields: [
    { name: 'status', type: STATUS },
    { name: 'gateway_version', type: 'text' },
    { name: 'compute_drivers', type: DRIVER, repeated: true },
  ],
};

export const CURRENT_USER: Fields = {
  fields: [
    { name: 'subject', type: 'text' },
    { name: 'display_name', type: 'text' },
    { name: 'roles', type: 'text', repeated: true },
    { name: 'scopes', type: 'text', repeated: true },
    { name: 'identity_provider', type: 'text' },
  ],
};

export const plainMethods = {
  health: method<Health>('Health', HEALTH),
  getGatewayInfo: method<GatewayInfo>('GetGatewayInfo', GATEWAY_INFO),
  getCurrentUser: method<CurrentUser>('GetCurrentUser', CURRENT_USER),
};

/** A method whose request holds nothing. */
function method<Answer>(name: string, answer: Fields): UnaryMethod<undefined, Answer> {
  return {
    path: `/openshell.v1.OpenShell/${name}`,
    encodeRequest: () => Buffer.alloc(0),
    decodeResponse: (bytes) => readFields(answer, bytes) as Answer,
  };
}
