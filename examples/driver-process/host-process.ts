import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  type Condition,
  exitedConditions,
  failedConditions,
  runningConditions,
  suspendedConditions,
} from '../../compute/conditions.js';
import type { DriverSandbox, ObservedSandbox } from '../../compute/sandbox.js';

/** A sandbox's main process. */
export interface HostProcess {
  observed(): ObservedSandbox;
  start(): void;
  /** TERM, then KILL after a grace period. */
  stop(): Promise<void>;
}

const GRACE_MS = 2_000;

/** Starts the command, and calls `changed` with every new state, the first included. */
export function startHostProcess(
  sandbox: DriverSandbox,
  changed: (observed: ObservedSandbox) => void,
): HostProcess {
  let child: ChildProcess | undefined;
  let runs = 0;
  let stopping = false;
  let conditions: readonly Condition[] = [];

  function observed(): ObservedSandbox {
    return {
      id: sandbox.id,
      name: sandbox.name,
      workspace: sandbox.workspace,
      namespace: sandbox.namespace,
      status: {
        resourceName: `pid ${child?.pid ?? 'none'}`,
        instanceId: `${sandbox.id}#${runs}`,
        conditions,
        deleting: false,
      },
    };
  }

  function become(next: readonly Condition[]): void {
    conditions = next;
    changed(observed());
  }

  function start(): void {
    if (child !== undefined) {
      return;
    }
    const { command, template, environment } = sandbox.spec;
    const [program = '', ...args] = command;
    const env = { PATH: process.env.PATH, ...template.environment, ...environment };
    const started = spawn(program, args, { env, stdio: 'ignore' });
    child = started;
    runs++;
    started.once('spawn', () => become(runningConditions()));
    started.once('error', (error) => {
      child = undefined;
      become(failedConditions('SpawnFailed', `cannot start ${program}: ${error.message}`));
    });
    started.once('exit', (code) => {
      child = undefined;
      become(stopping ? suspendedConditions() : exitedConditions(code ?? 128));
      stopping = false;
    });
  }

  start();
  return {
    observed,
    start,
    async stop() {
      if (child === undefined) {
        return become(suspendedConditions());
      }
      const ending = child;
      stopping = true;
      const ended = once(ending, 'exit');
      ending.kill('SIGTERM');
      const timer = setTimeout(() => ending.kill('SIGKILL'), GRACE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
