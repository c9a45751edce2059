import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ociRefusal } from '../../dist/drivers/container-exec/oci-refusal.js';

const NOT_FOUND = 'no such file or directory';
const WORKDIR = 'cannot be the working directory';
const RUNC = 'exec failed: unable to start container process: ';
const DOCKER = `OCI runtime exec failed: ${RUNC}`;
const PODMAN_LOST = 'Error: read unixpacket @->/proc/self/fd/14/attach: read: connection reset by peer';
const KUBERNETES = `Internal error occurred: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "72001540372858c6": ${DOCKER}`;
const TYPES = 'Are you trying to mount a directory onto a file (or vice-versa)?';

/** As Docker 2x with runc 1.x, Podman 4 and 5 with runc and crun, and containerd say it. */
const TOLD: readonly (readonly [said: string, refusal: string | undefined])[] = [
  [`${DOCKER}exec: "/nope": stat /nope: no such file or directory: unknown`, NOT_FOUND],
  [`${DOCKER}exec: "nope": executable file not found in $PATH: unknown`, NOT_FOUND],
  [`${DOCKER}exec: "bad\\nname\\"q": executable file not found in $PATH: unknown`, NOT_FOUND],
  [`${DOCKER}exec: "": executable file not found in $PATH: unknown`, NOT_FOUND],
  [`${DOCKER}exec: "/tmp": permission denied: unknown`, 'permission denied'],
  [`${DOCKER}exec: "/tmp": is a directory: unknown`, 'is a directory'],
  [`${DOCKER}exec: "/a/in": stat /a/in: permission denied: unknown`, 'permission denied'],
  [`${DOCKER}exec: "/f/x": stat /f/x: not a directory: unknown: ${TYPES}`, 'not a directory'],
  [
    `${DOCKER}exec: "/l": stat /l: too many levels of symbolic links: unknown`,
    'too many levels of symbolic links',
  ],
  [`${DOCKER}exec: "/a\\"\\n": stat /a"\n: no such file or directory: unknown`, NOT_FOUND],
  [`${DOCKER}exec: "/y": stat /y: file name too long: unknown`, 'file name too long'],
  [`${DOCKER}chdir to cwd ("/no") set in config.json failed: no such file or directory: unknown`, WORKDIR],
  [`${DOCKER}chdir to cwd ("/f") set in config.json failed: not a directory: unknown: ${TYPES}`, WORKDIR],
  [
    `Error: runc: ${RUNC}exec: "/nope": stat /nope: no such file or directory: OCI runtime attempted to invoke a command that was not found\n${PODMAN_LOST}`,
    NOT_FOUND,
  ],
  [
    `${PODMAN_LOST}\nError: runc: ${RUNC}exec: "/tmp": permission denied: OCI permission denied`,
    'permission denied',
  ],
  [`Error: runc: ${RUNC}exec: "/f/x": stat /f/x: not a directory: OCI runtime error\r\n`, 'not a directory'],
  [
    `Error: runc: ${RUNC}chdir to cwd ("/no") set in config.json failed: no such file or directory: OCI runtime attempted to invoke a command that was not found`,
    WORKDIR,
  ],
  [
    'Error: crun: executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found',
    NOT_FOUND,
  ],
  [
    'Error: crun: executable file `/nope` not found: No such file or directory: OCI runtime attempted to invoke a command that was not found',
    NOT_FOUND,
  ],
  ['Error: crun: open executable: Permission denied: OCI permission denied', 'permission denied'],
  [
    'Error: crun: exec container process `/tmp/junk`: Exec format error: OCI runtime error',
    'exec format error',
  ],
  [
    'Error: crun: chdir to `/no`: No such file or directory: OCI runtime attempted to invoke a command that was not found',
    WORKDIR,
  ],
  [
    'Error: crun: chdir: No such file or directory: OCI runtime attempted to invoke a command that was not found',
    WORKDIR,
  ],
  [`${KUBERNETES}exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown`, NOT_FOUND],
  [`${KUBERNETES}exec: "/y": stat /y: file name too long: unknown`, 'file name too long'],
  // Not the command's fault: it stays an error.
  ['', undefined],
  [PODMAN_LOST, undefined],
  [
    `${DOCKER}error adding pid 7 to cgroups: open /sys/fs/cgroup/x/cgroup.procs: no such file or directory: unknown`,
    undefined,
  ],
  [`${DOCKER}error executing setns process: exit status 1: unknown`, undefined],
  [`${DOCKER}exec: "/y": stat /y: input/output error: unknown`, undefined],
  [`${DOCKER}exec: "/y": fork/exec /y: cannot allocate memory: unknown`, undefined],
  ['Error: crun: the container `abc` is not running: OCI runtime error', undefined],
  ['Error: runc: exec failed: container does not exist: OCI runtime error', undefined],
  ['unable to find user ghost: no matching entries in passwd file', undefined],
];

describe('what a runtime says of a command that did not start', () => {
  for (const [said, refusal] of TOLD) {
    test(`${said.slice(-70).trim() || 'nothing'}: ${refusal ?? 'unknown'}`, () => {
      assert.equal(ociRefusal(said), refusal);
    });
  }

  test('is read in no time, however long', () => {
    const began = performance.now();
    for (const part of ['exec: "', '\\"', ': stat ', 'executable file `', 'chdir to `', 'a ']) {
      ociRefusal(`${DOCKER}exec: "x": stat ${part.repeat(32 * 1024)}`.slice(0, 32 * 1024));
    }
    assert.ok(performance.now() - began < 2_000);
  });
});
