import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { silentLogger } from '../../dist/compute/log.js';
import { type ExecContainer, endProcesses } from '../../dist/drivers/container/exec-end.js';
import { canSignal, signalFromOutside } from '../../dist/drivers/container/host-processes.js';
import { EXEC_MARK_VARIABLE, endExec } from '../../dist/drivers/container-exec/exec-kill.js';
import { eventually } from '../support/wait.js';
import { frame } from './frame.js';

describe('where only the shell of the sandbox can end a command', () => {
  const end = async (answer: () => Readable) => {
    const told: string[] = [];
    const connections: Readable[] = [];
    const container: ExecContainer = {
      containerId: 'c'.repeat(64),
      hasShell: async () => true,
      firstPid: async () => 0,
      leftBehind: (why) => void told.push(why),
      log: silentLogger,
    };
    const startAside = async () => {
      const connection = answer();
      connections.push(connection);
      return connection;
    };
    await endProcesses(container, startAside, {
      mark: randomUUID(),
      pid: async () => 0,
      why: 'of this test',
    });
    return { told, connections };
  };

  for (const [name, stream] of Object.entries({ stdout: 1, stderr: 2 } as const)) {
    test(`one that prints to ${name} without end is heard for 64 bytes`, async () => {
      let sent = 0;
      const { told, connections } = await end(
        () =>
          new Readable({
            read() {
              sent += 1024;
              this.push(frame(stream, 'x'.repeat(1024)));
            },
          }),
      );
      assert.match(told.join(), /of this test.*prints what no shell would/);
      assert.ok(connections.every((connection) => connection.destroyed));
      assert.ok(sent < 1024 * 1024, `${sent} bytes were taken`);
    });
  }

  for (const word of ['', 'many', '-1', '1e9', '99999999999', '0x10']) {
    test(`one that says '${word}' is not believed`, async () => {
      const { told } = await end(() => Readable.from([frame(1, `${word}\n`)]));
      assert.match(told.join(), /does not answer as a shell does/);
    });
  }

  test('one that counts none has ended it', async () => {
    assert.deepEqual((await end(() => Readable.from([frame(1, '0\n')]))).told, []);
  });
});

const skip = process.platform !== 'linux' || process.getuid?.() !== 0 ? 'needs root on Linux' : false;

describe('signals from outside', { skip }, () => {
  /** A process namespace with this mark on its processes; the parent of its first process has the id in its argv. */
  const namespace = async (id: string, mark: string): Promise<{ child: ChildProcess; firstPid: number }> => {
    const script = 'trap "" TERM; sleep 600 & (sleep 600 &); echo up; while :; do sleep 600; done';
    // The first process is not of the exec, as in a container.
    const first = `env ${EXEC_MARK_VARIABLE}=${mark} sh -c '${script}' & while :; do sleep 600; done`;
    const child = spawn('unshare', ['--pid', '--fork', '--kill-child', 'sh', '-c', first, id], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout as Readable, 'data');
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
    return { child, firstPid: Number(children.trim().split(' ')[0]) };
  };
  const endOf = async (child: ChildProcess) => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) {
      await once(child, 'exit');
    }
  };

  test('reach what carries the mark in this container, and no stranger', async () => {
    const [id, otherId, mark] = [randomUUID(), randomUUID(), randomUUID()];
    const ours = await namespace(id, mark);
    const strangers = await namespace(otherId, mark);
    try {
      const signal = signalFromOutside({ containerId: id, firstPid: ours.firstPid }, 0, mark);
      const other = signalFromOutside({ containerId: otherId, firstPid: strangers.firstPid }, 0, mark);
      assert.ok(signal !== undefined && other !== undefined);
      const before = await other('0');
      assert.equal(await signal('0'), before);
      assert.ok(before >= 4, `${before} processes`);
      await endExec(signal);
      assert.equal(await signal('0'), 0);
      assert.equal(await other('0'), before, 'the same mark elsewhere is not touched');
      assert.equal(ours.child.exitCode ?? ours.child.signalCode, null, 'the container lives on');
      const third = signalFromOutside({ containerId: id, firstPid: ours.firstPid }, 0, randomUUID());
      assert.equal(await third?.('KILL'), 0);
    } finally {
      await endOf(ours.child);
      await endOf(strangers.child);
    }
    await eventually(
      'nothing can be signalled',
      () => !canSignal({ containerId: id, firstPid: ours.firstPid }),
    );
  });

  test('are refused when the number is not the container’s first process', async () => {
    const [id, mark] = [randomUUID(), randomUUID()];
    const { child, firstPid } = await namespace(id, mark);
    try {
      assert.ok(canSignal({ containerId: id, firstPid }));
      const wrong = {
        'another container': firstPid,
        'this process': process.pid,
        'the first of all': 1,
        none: 0,
      };
      for (const [what, pid] of Object.entries(wrong)) {
        assert.equal(canSignal({ containerId: randomUUID(), firstPid: pid }), false, what);
        assert.equal(
          signalFromOutside({ containerId: randomUUID(), firstPid: pid }, pid, mark),
          undefined,
          what,
        );
      }
      assert.equal(canSignal({ containerId: id, firstPid: child.pid as number }), false, 'a parent outside');
    } finally {
      await endOf(child);
    }
  });
});
