import assert from 'node:assert/strict';
import { observedState } from '../../../dist/compute/conditions.js';
import { run } from '../../support/run.js';
import { limits } from '../../support/sandboxes.js';
import type { Workbench } from '../workbench.js';

/** Reads the first of several files that exists: cgroups v1 and v2 call the same thing by different names. */
export function readFirst(...paths: string[]): string[] {
  return ['/bin/sh', '-c', 'for f in "$@"; do [ -r "$f" ] && exec cat "$f"; done; exit 1', 'sh', ...paths];
}

/** Limits and hardening, as a process inside sees them. */
export function limitTests({ bed, check }: Workbench): void {
  check('a memory limit is in force', { needs: ['memoryLimit'] }, async ({ driver, running }) => {
    const sandbox = await running({ template: { resources: limits('', '96Mi') } });
    const read = readFirst('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes');
    const { stdout } = await run(driver, sandbox, read);
    assert.equal(Number(stdout), 96 * 1024 * 1024);
  });

  check('a CPU limit is in force', { needs: ['cpuLimit'] }, async ({ driver, running }) => {
    const sandbox = await running({ template: { resources: limits('500m', '') } });
    const v2 = await run(driver, sandbox, readFirst('/sys/fs/cgroup/cpu.max'));
    const quota =
      v2.exitCode === 0
        ? v2.stdout.trim().split(' ')
        : [
            (await run(driver, sandbox, readFirst('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'))).stdout,
            (await run(driver, sandbox, readFirst('/sys/fs/cgroup/cpu/cpu.cfs_period_us'))).stdout,
          ];
    assert.equal(Number(quota[0]) / Number(quota[1]), 0.5);
  });

  check('a main process over its memory limit is killed', { needs: ['oom'] }, async ({ watch, running }) => {
    // tail keeps the endless line that it is given.
    const command = ['/bin/sh', '-c', 'sleep 0.5; exec tail /dev/zero'];
    const sandbox = await running({ command, template: { resources: limits('', '32Mi') } });
    const seen = await watch.sees(sandbox.id, 'exited');
    const state = observedState(seen.status);
    assert.ok(state.kind === 'exited');
    assert.equal(state.exitCode, 137);
    assert.match(state.message, /OOMKilled/);
  });

  if (bed.pidsLimit32Settings !== undefined) {
    const options = { needs: ['pidsLimit'], settings: bed.pidsLimit32Settings } as const;
    check('a limit on processes is in force', options, async ({ driver, running }) => {
      const sandbox = await running();
      const script = 'i=0; while [ $i -lt 64 ]; do sleep 5 & i=$((i+1)); done; echo all';
      const { stdout, stderr } = await run(driver, sandbox, ['/bin/sh', '-c', script]);
      assert.doesNotMatch(stdout, /all/);
      assert.match(stderr, /fork/);
    });
  }

  check('no capabilities, no new privileges, a seccomp filter', { needs: ['hardening'] }, async (desk) => {
    const sandbox = await desk.running();
    for (const status of ['/proc/self/status', '/proc/1/status']) {
      const { stdout } = await run(desk.driver, sandbox, ['cat', status]);
      const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(stdout)?.[1];
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        assert.equal(BigInt(`0x${field(set)}`), 0n, `${set} in ${status}`);
      }
      assert.equal(field('NoNewPrivs'), '1', status);
      assert.equal(field('Seccomp'), '2', status);
    }
  });

  check("nothing of the host's can be seen", { needs: ['hardening'] }, async ({ driver, running }) => {
    const sandbox = await running();
    for (const path of [
      '/var/run/docker.sock',
      '/run/podman/podman.sock',
      '/run/containerd/containerd.sock',
    ]) {
      assert.notEqual((await run(driver, sandbox, ['test', '-e', path])).exitCode, 0, path);
    }
    const mounting = await run(driver, sandbox, ['mount', '-t', 'tmpfs', 'none', '/tmp']);
    assert.notEqual(mounting.exitCode, 0, 'nothing can be mounted');
  });
}
