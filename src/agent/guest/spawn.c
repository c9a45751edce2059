/* Starts a process, or connects to a port, for a stream. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* For processes in a machine of ours. */
static struct rlimit open_files = {1024, 524288};

struct report {
  char kind;
  int error;
};

/* False with errno for an invalid limit. */
bool spawn_limit(const char *most) {
  if (most == NULL) return true;
  long value = atol(most);
  errno = EINVAL;
  if (value < 1) return false;
  open_files.rlim_max = (rlim_t)value;
  if (open_files.rlim_cur > open_files.rlim_max) open_files.rlim_cur = open_files.rlim_max;
  return true;
}

static bool append(char ***list, int *count, const char *text) {
  char **grown = realloc(*list, sizeof(char *) * (size_t)(*count + 2));
  if (grown == NULL) return false;
  grown[(*count)++] = (char *)text;
  grown[*count] = NULL;
  *list = grown;
  return true;
}

/* The strings point into `payload`. False when a record is incomplete. */
bool spec_parse(const unsigned char *payload, size_t length, struct spawn_spec *spec) {
  const char *text;
  char tag;
  memset(spec, 0, sizeof *spec);
  spec->directory = spec->user = "";
  while ((text = record_next(&payload, &length, &tag)) != NULL) {
    switch (tag) {
      case 'a': if (!append(&spec->argv, &spec->argc, text)) return false; break;
      case 'e': if (!append(&spec->envp, &spec->envc, text)) return false; break;
      case 'd': spec->directory = text; break;
      case 'u': spec->user = text; break;
      case 'i': spec->wants_stdin = true; break;
      case 'm': spec->is_main = true; break;
      case 't':
        spec->tty = true;
        sscanf(text, "%hux%hu", &spec->cols, &spec->rows);
        break;
      default: break;
    }
  }
  return length == 0;
}

void spec_free(struct spawn_spec *spec) {
  free(spec->argv);
  free(spec->envp);
}

static const char *variable(const struct spawn_spec *spec, const char *name) {
  size_t n = strlen(name);
  for (int i = 0; i < spec->envc; i++)
    if (strncmp(spec->envp[i], name, n) == 0 && spec->envp[i][n] == '=') return spec->envp[i] + n + 1;
  return NULL;
}

static void end_at_once(int signal) {
  (void)signal;
  _exit(0);
}

/* The main process of a sandbox without a command: ends on a signal, needs nothing from the image. */
static void idle(void) {
  signal(SIGTERM, end_at_once);
  signal(SIGINT, end_at_once);
  prctl(PR_SET_NAME, "idle", 0, 0, 0);
  for (;;) pause();
}

static int execute(const struct spawn_spec *spec) {
  const char *program = spec->argv[0];
  if (*program == 0) return ENOENT;
  if (strchr(program, '/') != NULL) {
    execve(program, spec->argv, spec->envp);
    return errno;
  }
  const char *path = variable(spec, "PATH");
  int error = ENOENT;
  while (path != NULL && *path != 0) {
    char candidate[4096];
    size_t n = strcspn(path, ":");
    snprintf(candidate, sizeof candidate, "%.*s/%s", (int)n, n == 0 ? "." : path, program);
    execve(candidate, spec->argv, spec->envp);
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
    path += n + (path[n] == ':');
  }
  return error;
}

/* As shells distinguish them: not found, not executable, or not about the program at all. */
static char kind_of(int error) {
  switch (error) {
    case ENOENT: case ENOTDIR: case ELOOP: case ENAMETOOLONG: return BAD_PROGRAM;
    case ENOMEM: case EAGAIN: case EIO: case EMFILE: case ENFILE: return SYSTEM;
    default: return NOT_EXECUTABLE;
  }
}

static void fail(int report_fd, char kind, int error) {
  struct report report = {kind, error};
  if (write(report_fd, &report, sizeof report) < 0) _exit(126);
  _exit(127);
}

static void run_child(struct spawn_spec *spec, const struct identity *who, const struct stream *s,
                      const int stdio[3], int report_fd) {
  sigset_t none;
  sigemptyset(&none);
  for (int i = 1; i < 32; i++) signal(i, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  for (int i = 0; i < 3; i++)
    if (dup2(stdio[i], i) < 0) _exit(126);
  if (spec->tty) ioctl(0, TIOCSCTTY, 0);
  if (agent_is_init) {
    struct rlimit core = {0, 0};
    if (setrlimit(RLIMIT_NOFILE, &open_files) < 0 || setrlimit(RLIMIT_CORE, &core) < 0) _exit(126);
  }
  group_enter(s->group);
  identity_assume(who);
  umask(022);
  if (spec->directory[0] != 0 && chdir(spec->directory) < 0) fail(report_fd, BAD_DIRECTORY, errno);
  if (spec->argc == 0) {
    close(report_fd);
    idle();
  }
  int error = execute(spec);
  fail(report_fd, kind_of(error), error);
}

static bool make_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0; }

static void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

/* Sets the stream's own ends and the child's three. */
static bool open_stdio(struct stream *s, const struct spawn_spec *spec, const struct identity *who, int child[3]) {
  if (spec->tty) {
    struct winsize size = {.ws_row = spec->rows, .ws_col = spec->cols};
    int master, terminal;
    if (openpty(&master, &terminal, NULL, NULL, &size) < 0) return false;
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(terminal, F_SETFD, FD_CLOEXEC);
    if (fchown(terminal, who->uid, (gid_t)-1) < 0 && agent_is_init) return false;
    child[0] = child[1] = child[2] = terminal;
    s->out_fd = master;
    s->in_fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
    s->tty = true;
  } else {
    int in[2], out[2], err[2];
    if (spec->wants_stdin) {
      if (!make_pipe(in)) return false;
    } else {
      in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
      in[1] = -1;
    }
    child[0] = in[0];
    s->in_fd = in[1];
    if (!make_pipe(out)) return false;
    child[1] = out[1];
    s->out_fd = out[0];
    if (!make_pipe(err)) return false;
    child[2] = err[1];
    s->err_fd = err[0];
  }
  if (s->in_fd >= 0) set_nonblocking(s->in_fd);
  if (s->out_fd >= 0) set_nonblocking(s->out_fd);
  if (s->err_fd >= 0) set_nonblocking(s->err_fd);
  return true;
}

static void add_defaults(struct spawn_spec *spec, const struct identity *who, const struct stream *s) {
  static char home[300], mark[80];
  if (variable(spec, "PATH") == NULL) append(&spec->envp, &spec->envc, "PATH=" DEFAULT_PATH);
  if (variable(spec, "HOME") == NULL) {
    snprintf(home, sizeof home, "HOME=%s", who->home);
    append(&spec->envp, &spec->envc, home);
  }
  if (spec->tty && variable(spec, "TERM") == NULL) append(&spec->envp, &spec->envc, "TERM=xterm");
  if (agent_is_init) return;
  snprintf(mark, sizeof mark, "OPENSHELL_AGENT_STREAM=%s", s->group);
  append(&spec->envp, &spec->envc, mark);
}

static void close_child_ends(const int child[3]) {
  for (int i = 0; i < 3; i++)
    if (child[i] >= 0 && (i == 0 || child[i] != child[0])) close(child[i]);
}

void spawn_process(uint32_t id, struct spawn_spec *spec) {
  struct identity who;
  if (!identity_of(spec->user, &who)) {
    send_failure(id, BAD_USER, spec->user, 0);
    return;
  }
  struct stream *s = stream_new(id);
  if (s == NULL) {
    send_failure(id, LIMIT, "too many streams", 0);
    return;
  }
  s->is_main = spec->is_main;
  group_make(s);
  add_defaults(spec, &who, s);
  int child[3] = {-1, -1, -1}, report[2] = {-1, -1};
  if (!open_stdio(s, spec, &who, child) || !make_pipe(report)) {
    send_failure(id, SYSTEM, "file descriptors", errno);
    close_child_ends(child);
    stream_free(s);
    return;
  }
  s->oom_kills_before = group_oom_kills();
  pid_t pid = fork();
  if (pid == 0) run_child(spec, &who, s, child, report[1]);
  int fork_error = errno;
  close(report[1]);
  close_child_ends(child);
  struct report failure = {0, 0};
  ssize_t n = pid < 0 ? 0 : read(report[0], &failure, sizeof failure);
  close(report[0]);
  if (pid < 0 || n == (ssize_t)sizeof failure) {
    if (pid < 0) send_failure(id, SYSTEM, "fork", fork_error);
    else send_failure(id, failure.kind, failure.kind == BAD_DIRECTORY ? spec->directory : spec->argv[0], failure.error);
    stream_free(s);
    return;
  }
  s->pid = pid;
  if (s->is_main) main_started();
  send_u32(STARTED, id, (uint32_t)pid);
}

/* Records: p<port>. Always to the loopback address inside. */
void connect_port(uint32_t id, const unsigned char *payload, size_t length) {
  const char *text;
  char tag;
  int port = 0;
  while ((text = record_next(&payload, &length, &tag)) != NULL)
    if (tag == 'p') port = atoi(text);
  struct stream *s = stream_new(id);
  if (s == NULL) {
    send_failure(id, LIMIT, "too many streams", 0);
    return;
  }
  s->is_socket = true;
  s->in_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  s->out_fd = fcntl(s->in_fd, F_DUPFD_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  s->connecting = true;
  if (connect(s->in_fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
    send_failure(id, REFUSED, "connect", errno);
    stream_free(s);
  }
}
