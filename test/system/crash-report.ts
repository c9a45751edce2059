import { inspect } from 'node:util';
import { type Sandbox, SandboxPhase } from '../../dist/wire/v00/index.js';
import type { CrashOptions } from './crash.js';
import type { GatewayProcess } from './process.js';

/** The last lines of the gateways' logs in a failure's message. */
const LOG_LINES = 200;

export function described({ metadata, status }: Sandbox): string {
  return `${metadata?.name} (${metadata?.id}) is ${SandboxPhase[status?.phase ?? 0]}: ${JSON.stringify(status?.conditions)}`;
}

/** What a failure of the crash rounds tells beside itself. */
export interface CrashReport {
  /** Keeps what a gateway logged. */
  keep(gateway: GatewayProcess, title: string): void;
  /** The error with what the engine has, and what the gateways logged about the sandboxes that it names, and about none. */
  explain(error: unknown): Promise<unknown>;
}

export function createCrashReport(onEngine: CrashOptions['onEngine']): CrashReport {
  const logs: string[] = [];
  return {
    keep: (gateway, title) => void logs.push(title, ...gateway.log().split('\n').filter(Boolean)),
    async explain(error) {
      if (!(error instanceof Error)) {
        return error;
      }
      const ids: readonly string[] =
        error.message.match(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g) ?? [];
      const about = (line: string) => !line.includes('sandbox_id') || ids.some((id) => line.includes(id));
      const there = await onEngine().catch((failure: Error) => failure.message);
      const told = [
        error.message,
        `on the engine: ${inspect(there, { maxArrayLength: null, breakLength: 200 })}`,
        ...logs.filter(about).slice(-LOG_LINES),
      ];
      return new Error(told.join('\n'), { cause: error });
    },
  };
}
