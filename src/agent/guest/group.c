/*
 * Which processes belong to a stream: a cgroup of its own in a machine of ours. Elsewhere a variable in its
 * environment, which a child inherits, marks them.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"

/* The writable cgroup directory of the sandbox, from the time before the agent changed its root. */
static int sandbox_group = -1;

static bool write_file(int directory, const char *path, const char *text) {
  int fd = openat(directory, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = write(fd, text, strlen(text)) >= 0;
  int error = errno;
  close(fd);
  errno = error;
  return ok;
}

static bool limit(const char *file, const char *most) {
  return most == NULL || write_file(sandbox_group, file, most);
}

/* False with errno when one of them cannot be set. */
bool groups_limit(const char *memory, const char *pids, const char *cpu) {
  if (!write_file(AT_FDCWD, CGROUPS "/cgroup.subtree_control", "+memory +pids +cpu")) return false;
  mkdir(CGROUPS "/sandbox", 0755);
  sandbox_group = open(CGROUPS "/sandbox", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return sandbox_group >= 0 && limit("memory.max", memory) && limit("pids.max", pids) && limit("cpu.max", cpu);
}

void group_make(struct stream *s) {
  snprintf(s->group, sizeof s->group, "%d-%u", (int)getpid(), s->id);
  if (agent_is_init) mkdirat(sandbox_group, s->group, 0755);
}

void group_enter(const char *group) {
  char path[64];
  if (!agent_is_init) return;
  snprintf(path, sizeof path, "%s/cgroup.procs", group);
  if (!write_file(sandbox_group, path, "0")) _exit(126);
}

/* Remains while a background child still runs in it. */
void group_remove(struct stream *s) {
  if (agent_is_init) unlinkat(sandbox_group, s->group, AT_REMOVEDIR);
}

static FILE *read_file(const char *path) {
  int fd = openat(sandbox_group, path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? NULL : fdopen(fd, "r");
}

static int signal_cgroup(const struct stream *s, int signal) {
  char path[64], line[32];
  int members = 0;
  if (signal == SIGKILL) {
    snprintf(path, sizeof path, "%s/cgroup.kill", s->group);
    write_file(sandbox_group, path, "1");
  }
  snprintf(path, sizeof path, "%s/cgroup.procs", s->group);
  FILE *file = read_file(path);
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL) {
    members++;
    if (signal != 0 && signal != SIGKILL) kill((pid_t)atoi(line), signal);
  }
  fclose(file);
  return members;
}

static bool environment_has(const char *pid, const char *mark) {
  char path[64];
  static char text[256 * 1024];
  snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  for (const char *at = text; at < text + n; at += strlen(at) + 1)
    if (strcmp(at, mark) == 0) return true;
  return false;
}

static int signal_marked(const struct stream *s, int signal) {
  char mark[64];
  int members = 0;
  /* The first process is also known by its id: one that idles has executed nothing and has no mark. */
  if (s->pid > 0 && !s->reaped) {
    members++;
    if (signal != 0) kill(s->pid, signal);
  }
  snprintf(mark, sizeof mark, "OPENSHELL_AGENT_STREAM=%s", s->group);
  DIR *proc = opendir("/proc");
  if (proc == NULL) return 0;
  for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || atoi(entry->d_name) == s->pid ||
        !environment_has(entry->d_name, mark))
      continue;
    members++;
    if (signal != 0) kill((pid_t)atoi(entry->d_name), signal);
  }
  closedir(proc);
  return members;
}

/* Signals every process of the stream, none when `signal` is 0. Returns their number. */
int group_signal(const struct stream *s, int signal) {
  return agent_is_init ? signal_cgroup(s, signal) : signal_marked(s, signal);
}

unsigned long group_oom_kills(void) {
  char line[64];
  unsigned long count = 0;
  FILE *file = agent_is_init ? read_file("memory.events") : NULL;
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL) sscanf(line, "oom_kill %lu", &count);
  fclose(file);
  return count;
}
