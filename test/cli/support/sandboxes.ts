import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type Sandbox,
  SandboxPhase,
  SandboxSchema,
  type SandboxStatusSchema,
} from '../../../dist/wire/v00/index.js';

export { SandboxPhase } from '../../../dist/wire/v00/index.js';

/** A sandbox named `box` as a gateway would show it. */
export function sandboxIn(
  phase: SandboxPhase,
  status: MessageInitShape<typeof SandboxStatusSchema> = { sandboxName: 'box', phase },
): Sandbox {
  return create(SandboxSchema, {
    metadata: {
      id: 'id-of-box',
      name: 'box',
      workspace: 'default',
      createdAtMs: 1_700_000_000_000n,
      resourceVersion: 7n,
      labels: { team: 'a' },
    },
    spec: { template: { image: 'debian:13' }, environment: { TOKEN: 'secret' } },
    status,
  });
}

export const provisioning = sandboxIn(SandboxPhase.PROVISIONING);
export const ready = sandboxIn(SandboxPhase.READY);

/** ERROR, as a gateway shows it for a reason of the engine's or, with an exit code, a command that has ended. */
export function failedSandbox(reason: string, message: string, exitCode?: number): Sandbox {
  const conditions = [{ type: 'Ready', status: 'False', reason, message }];
  const status = { sandboxName: 'box', phase: SandboxPhase.ERROR, conditions };
  return sandboxIn(SandboxPhase.ERROR, exitCode === undefined ? status : { ...status, exitCode });
}

/** A stream event that carries the sandbox. */
export function change(sandbox: Sandbox) {
  return { payload: { case: 'sandbox' as const, value: sandbox } };
}

/** A stream event with progress metadata; keys without their prefix. */
export function progress(metadata: Record<string, string>, timestampMs = 1n) {
  const entries = Object.entries(metadata).map(([key, value]) => [`openshell.progress.${key}`, value]);
  const value = { timestampMs, type: 'Normal', reason: 'Step', metadata: Object.fromEntries(entries) };
  return { payload: { case: 'event' as const, value } };
}

export function logEvent(message: string, target = 'stdout', timestampMs = 1n) {
  return { payload: { case: 'log' as const, value: logLine(message, target, timestampMs) } };
}

export function logLine(message: string, target = 'stdout', timestampMs = 1n) {
  return { sandboxId: 'id-of-box', timestampMs, level: 'INFO', target, message, source: 'sandbox' };
}

export function stdout(text: string) {
  return { payload: { case: 'stdout' as const, value: { data: Buffer.from(text) } } };
}

export function stderr(text: string) {
  return { payload: { case: 'stderr' as const, value: { data: Buffer.from(text) } } };
}

export function exit(exitCode: number) {
  return { payload: { case: 'exit' as const, value: { exitCode } } };
}
