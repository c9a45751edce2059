/*
 * Protects the machine's kernel from the sandbox's user id 0, which has no capabilities. Files in /proc and /sys check
 * for their owner and not for a capability, so they are mounted as a container engine mounts them.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCKED (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)

/* Once every module is loaded and before anything of an image runs: the kernel starts no programs by itself, accepts no
 * other kernel or module, hides its addresses, and allows no user namespaces. */
static const char *const SETTINGS[][2] = {
    {"kernel/core_pattern", "\n"},
    {"kernel/core_pipe_limit", "0\n"},
    {"kernel/modprobe", "\n"},
    {"kernel/hotplug", "\n"},
    {"kernel/modules_disabled", "1\n"},
    {"kernel/kexec_load_disabled", "1\n"},
    {"kernel/unprivileged_bpf_disabled", "1\n"},
    {"kernel/perf_event_paranoid", "3\n"},
    {"kernel/kptr_restrict", "2\n"},
    {"kernel/dmesg_restrict", "1\n"},
    {"kernel/sysrq", "0\n"},
    {"user/max_user_namespaces", "0\n"},
};

static const char *const READ_ONLY[] = {"proc/bus", "proc/dynamic_debug", "proc/fs", "proc/irq",
                                        "proc/pressure", "proc/sys", "proc/sysrq-trigger"};

static const char *const MASKED[] = {
    "proc/acpi",       "proc/asound",      "proc/kcore",      "proc/keys",
    "proc/kpagecount", "proc/kpageflags",  "proc/kpagecgroup", "proc/latency_stats",
    "proc/scsi",       "proc/sched_debug", "proc/timer_list", "proc/timer_stats",
    "sys/firmware",    "sys/devices/virtual/powercap",
};

/* False with errno and a message on the console; a kernel without the setting needs no protection. */
bool harden_kernel(void) {
  for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
    char path[80];
    const char *value = SETTINGS[i][1];
    snprintf(path, sizeof path, "/proc/sys/%s", SETTINGS[i][0]);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) continue;
    bool is_set = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    int error = errno;
    if (fd >= 0) close(fd);
    if (is_set) continue;
    fprintf(stderr, "agent: %s: %s\n", path, strerror(error));
    errno = error;
    return false;
  }
  return true;
}

static bool is_locked(const char *path) {
  return mount(path, path, NULL, MS_BIND | MS_REC, NULL) == 0 &&
         mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | LOCKED, NULL) == 0;
}

static bool is_masked(const char *path, bool is_directory) {
  if (is_directory) return mount("tmpfs", path, "tmpfs", LOCKED, "size=4k,mode=555") == 0;
  return mount("dev/null", path, NULL, MS_BIND, NULL) == 0;
}

/* In the folder that becomes the root, with proc, sys and dev in place. NULL, or what failed, with errno. */
const char *harden_root(void) {
  struct stat found;
  for (size_t i = 0; i < sizeof READ_ONLY / sizeof READ_ONLY[0]; i++) {
    if (stat(READ_ONLY[i], &found) < 0 && errno == ENOENT) continue;
    if (!is_locked(READ_ONLY[i])) return READ_ONLY[i];
  }
  for (size_t i = 0; i < sizeof MASKED / sizeof MASKED[0]; i++) {
    if (stat(MASKED[i], &found) < 0) {
      if (errno == ENOENT) continue;
      return MASKED[i];
    }
    if (!is_masked(MASKED[i], S_ISDIR(found.st_mode))) return MASKED[i];
  }
  return NULL;
}
