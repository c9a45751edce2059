import { Code, OpenShellError, type OpenShellErrorOptions } from '../../../compute/errors.js';

/** The body of a refusal. */
interface Fault {
  readonly message?: string;
  readonly cause?: string;
}

/** Sentences of Podman that mean something more exact than the status they come with, mostly 500. */
const KNOWN: readonly (readonly [RegExp, Code, OpenShellErrorOptions])[] = [
  [/image not known|no such image/i, Code.NOT_FOUND, { reason: 'ImageNotFound' }],
  // Between the look-up and the answer something else has removed it: a 500 by status.
  [/no such (container|exec session)/i, Code.NOT_FOUND, {}],
  [/(network|volume) already exists/i, Code.ALREADY_EXISTS, { reason: 'NameInUse' }],
  [/name .* is (already )?in use/i, Code.ALREADY_EXISTS, { reason: 'NameInUse' }],
  // Podman scans all interfaces of the host while another network's is being removed.
  [/no such network interface/i, Code.ABORTED, {}],
  [
    /unresolvable CDI devices/i,
    Code.FAILED_PRECONDITION,
    { reason: 'DeviceNotFound', hint: 'list what this host has with: nvidia-ctk cdi list' },
  ],
  [
    /catatonit|init binary/i,
    Code.FAILED_PRECONDITION,
    { reason: 'InitMissing', hint: "install the package catatonit on Podman's host" },
  ],
  [
    /could not find enough available IDs|not enough unused IDs/i,
    Code.FAILED_PRECONDITION,
    {
      reason: 'UserNamespaceIdsMissing',
      hint: "give the user 'containers' (rootless: the service's user) a larger range in /etc/subuid and /etc/subgid",
    },
  ],
  [
    /attempted to invoke a command that was not found|executable file not found/i,
    Code.FAILED_PRECONDITION,
    { reason: 'CommandNotFound' },
  ],
];

const BY_STATUS: Readonly<Record<number, Code>> = {
  400: Code.INVALID_ARGUMENT,
  403: Code.PERMISSION_DENIED,
  404: Code.NOT_FOUND,
  409: Code.FAILED_PRECONDITION,
};

/** Podman's refusal as an OpenShellError, with Podman's own message. */
export function engineError(status: number, body: string): OpenShellError {
  const text = faultText(body) || `status ${status}`;
  const [, code, options] = KNOWN.find(([pattern]) => pattern.test(text)) ?? [];
  return new OpenShellError(code ?? BY_STATUS[status] ?? Code.INTERNAL, `Podman: ${text}`, options);
}

function faultText(body: string): string {
  try {
    const fault = JSON.parse(body) as Fault;
    return fault.message ?? fault.cause ?? '';
  } catch {
    return body.trim().slice(0, 1_000);
  }
}
