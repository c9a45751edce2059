import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after } from 'node:test';
import { compileAgent } from '../../dist/agent/build.js';
import { type AgentChannel, openChannel } from '../../dist/agent/channel.js';
import { tempFolder } from '../support/folder.js';

export function soon(ms = 20_000): AbortSignal {
  return AbortSignal.timeout(ms);
}

let compiled: Promise<string | undefined> | undefined;

/** The agent, compiled once; undefined on a machine without its compiler. */
export function agentProgram(): Promise<string | undefined> {
  compiled ??= (async () => {
    const { path: directory, remove } = tempFolder();
    after(remove);
    const path = join(directory, 'openshell-agent');
    return compileAgent(path, { signal: soon(60_000) }).then(
      () => path,
      () => undefined,
    );
  })();
  return compiled;
}

export interface RunningAgent {
  readonly wire: Duplex;
  readonly pid: number;
  stop(): void;
}

/** The agent on this machine, over its standard streams. */
export function startAgent(program: string): RunningAgent {
  const child = spawn(program, ['--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    wire: Duplex.from({ writable: child.stdin, readable: child.stdout }),
    pid: child.pid as number,
    stop: () => child.kill('SIGKILL'),
  };
}

export async function withAgent(
  program: string,
  use: (channel: AgentChannel) => Promise<void>,
): Promise<void> {
  const agent = startAgent(program);
  try {
    const channel = await openChannel(agent.wire, { signal: soon(), resume: false });
    await use(channel);
    channel.close();
  } finally {
    agent.stop();
  }
}
