import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { becomes, execIn, makeOwnDriver, sandboxOf, withoutMachines } from './driver.js';

const options = { skip: withoutMachines, timeout: 600_000 };
const signal = AbortSignal.timeout(600_000);

/** Each of the sandbox's users: the one that owns every file of /proc and /sys, and one that owns none. */
const USERS = [
  { who: 'user id 0', image: 'openshell-test:1' },
  { who: "the image's user", image: 'openshell-test:nonroot' },
] as const;

async function inSandbox(
  image: string,
  body: (sandbox: DriverSandbox, driver: ComputeDriver) => Promise<void>,
) {
  const running = await makeOwnDriver();
  try {
    const sandbox = sandboxOf([], image);
    await running.driver.create(sandbox, { signal });
    await becomes(running.driver, sandbox, 'running');
    await body(sandbox, running.driver);
    await running.driver.delete(sandbox, { signal });
  } finally {
    await running.destroy();
  }
}

/** Files outside of the processes' own folders that somebody could write, and really opens; /sys is one mount. */
const WRITABLE = `
{ find /proc \\( -path '/proc/[0-9]*' -o -path /proc/self -o -path /proc/thread-self \\) -prune -o -type f -print
  find /sys -maxdepth 3 -type f; } |
while read -r file; do
  if [ -w "$file" ] && ( : >>"$file" ) 2>/dev/null; then echo "$file"; fi
done
grep -E ' (proc|sysfs|cgroup2) rw' /proc/mounts | cut -d' ' -f2`;

/** Has the kernel run a program of ours, as root, with all capabilities and outside of the sandbox, if it can be had. */
const CORE_PATTERN = `
cd /sandbox
printf '#!/proc/%s/root/bin/busybox sh\\necho ran >/proc/%s/root/sandbox/ran\\n' $$ $$ >x
chmod 755 x
for file in core_pattern modprobe hotplug poweroff_cmd; do
  echo "|/proc/$$/root/sandbox/x" >/proc/sys/kernel/$file && echo "$file was written"
done 2>/dev/null
ulimit -c unlimited 2>/dev/null
sh -c 'kill -SEGV $$'
sleep 2
cat ran 2>/dev/null
ls core* 2>/dev/null
cat /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe`;

/** What a container's engine hides, with the bytes that can be read from it. */
const HIDDEN = `
for path in /proc/acpi /proc/asound /proc/kcore /proc/keys /proc/kpagecount /proc/kpageflags /proc/kpagecgroup \
  /proc/latency_stats /proc/scsi /proc/sched_debug /proc/timer_list /proc/timer_stats /sys/firmware; do
  if [ -d $path ]; then ls $path; elif [ -e $path ]; then head -c 1 $path | od -An -c; fi
done 2>/dev/null`;

const ESCAPES = [
  'mount -o remount,rw /proc/sys',
  'mount -o remount,rw /sys',
  'umount /proc/sys',
  'umount /proc/kcore',
  'mount -t proc proc /sandbox',
  'unshare -U true',
  'unshare -m true',
  'echo 1 >/proc/sys/user/max_user_namespaces',
  'echo c >/proc/sysrq-trigger',
  'mknod /sandbox/mem c 1 1',
  'dmesg',
] as const;

const VALUES = {
  'kernel/modules_disabled': '1',
  'kernel/kexec_load_disabled': '1',
  'kernel/unprivileged_bpf_disabled': '1',
  'kernel/perf_event_paranoid': '3',
  'kernel/kptr_restrict': '2',
  'kernel/dmesg_restrict': '1',
  'kernel/sysrq': '0',
  'user/max_user_namespaces': '0',
} as const;

/** Everything in one command: under emulation each costs its time. */
const ALL = [
  `core() { ${CORE_PATTERN}\n}`,
  `writable() { ${WRITABLE}\n}`,
  `hidden() { ${HIDDEN}\n}`,
  'for part in core writable hidden; do echo "== $part"; ( $part ); done',
  ...ESCAPES.map((script) => `echo '== ${script}'; ( ${script} ) >/dev/null 2>&1 && echo done`),
  ...Object.keys(VALUES).map((key) => `echo '== ${key}'; cat /proc/sys/${key}`),
].join('\n');

for (const { who, image } of USERS) {
  test(`${who} changes nothing of a machine's kernel, and reads nothing of its memory`, options, () =>
    inSandbox(image, async (sandbox, driver) => {
      const output = await execIn(driver, sandbox, ALL);
      const answers = Object.fromEntries(
        output.split(/^== /m).map((part) => {
          const end = part.indexOf('\n');
          return [part.slice(0, end), part.slice(end + 1)];
        }),
      );
      // Of core_pattern and modprobe no more than a newline each: there is no program to be run.
      assert.equal(answers.core, '\n\n');
      // The processes' own folders are below this one; the rest of it is covered.
      assert.equal(answers.writable, '/proc\n');
      assert.equal(answers.hidden, '');
      for (const script of ESCAPES) {
        assert.equal(answers[script], '', script);
      }
      for (const [key, value] of Object.entries(VALUES)) {
        assert.equal(answers[key], `${value}\n`, key);
      }
    }),
  );
}
