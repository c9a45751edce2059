/*
 * openshell-agent: process 1 of a sandbox's machine (no arguments, pid 1), or a helper inside a container that
 * communicates over its standard streams (`--stdio`).
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL_VERSION "1"

bool agent_is_init;

static enum { NEVER_STARTED, RUNNING, EXITED } main_process = NEVER_STARTED;
static int main_exit_code;

void main_started(void) { main_process = RUNNING; }

void main_exited(int exit_code) {
  main_process = EXITED;
  main_exit_code = exit_code;
}

int64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The next record `<tag><text>\0`, or NULL at the end or when the last one is not terminated. */
const char *record_next(const unsigned char **at, size_t *left, char *tag) {
  const unsigned char *end = *left < 2 ? NULL : memchr(*at, 0, *left);
  if (end == NULL || end == *at) return NULL;
  const char *text = (const char *)*at + 1;
  *tag = (char)**at;
  *left -= (size_t)(end + 1 - *at);
  *at = end + 1;
  return text;
}

static uint32_t u32_at(const unsigned char *p, size_t length) {
  return length < 4 ? 0 : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void welcome(uint32_t stream, const unsigned char *nonce, size_t length) {
  unsigned char payload[NONCE_SIZE + 64];
  if (length != NONCE_SIZE) return;
  streams_drop_all_but_main();
  frames_forget_output();
  memcpy(payload, nonce, NONCE_SIZE);
  int n = snprintf((char *)payload + NONCE_SIZE, 64, "v%s%cr%d%cm%d%cx%d%c", PROTOCOL_VERSION, 0,
                   boot_root_ready(), 0, (int)main_process, 0, main_exit_code, 0);
  send_frame(WELCOME, stream, payload, NONCE_SIZE + (size_t)n);
}

static void spawn(uint32_t id, const unsigned char *payload, size_t length) {
  struct spawn_spec spec;
  bool whole = spec_parse(payload, length, &spec);
  if (!whole || (spec.argc == 0 && !spec.is_main) || stream_find(id) != NULL)
    send_failure(id, SYSTEM, "a spec that cannot be used", 0);
  else if (agent_is_init && !boot_root_ready()) send_failure(id, SYSTEM, "no root disk yet", 0);
  else if (spec.is_main && main_process == RUNNING) send_failure(id, SYSTEM, "the main process runs already", 0);
  else spawn_process(id, &spec);
  spec_free(&spec);
}

static void end_stream(struct stream *s, uint32_t grace_ms) {
  if (s->is_socket) {
    stream_close(s);
    return;
  }
  s->ending = true;
  s->kill_at_ms = monotonic_ms() + grace_ms;
  /* Only the main process receives TERM, as with a container engine: it is responsible for its children. */
  if (s->is_main && grace_ms > 0 && !s->reaped) kill(s->pid, SIGTERM);
  else group_signal(s, grace_ms == 0 ? SIGKILL : SIGTERM);
}

static void resize(struct stream *s, uint32_t size) {
  struct winsize window = {.ws_col = (unsigned short)size, .ws_row = (unsigned short)(size >> 16)};
  if (s->tty && s->out_fd >= 0) ioctl(s->out_fd, TIOCSWINSZ, &window);
}

static void halt(void) {
  kill(-1, SIGKILL);
  boot_halt();
}

static void on_stream_frame(uint8_t type, struct stream *s, const unsigned char *payload, size_t length) {
  switch (type) {
    case DATA: stream_take(s, payload, length); break;
    case END_OF_DATA: stream_end_of_data(s); break;
    case CREDIT: s->send_credit += u32_at(payload, length); break;
    case RESIZE: resize(s, u32_at(payload, length)); break;
    case SIGNAL: if (!s->reaped && s->pid > 0) kill(s->pid, (int)u32_at(payload, length)); break;
    case END: end_stream(s, u32_at(payload, length)); break;
    default: break;
  }
}

static void on_frame(uint8_t type, uint32_t id, const unsigned char *payload, size_t length) {
  struct stream *s;
  switch (type) {
    case HELLO: welcome(id, payload, length); break;
    case SETUP: boot_root(id, payload, length); break;
    case SPAWN: spawn(id, payload, length); break;
    case CONNECT: connect_port(id, payload, length); break;
    case PING: send_frame(PONG, id, payload, length); break;
    case FIGURES: figures_send(id); break;
    case CLOCK: clock_set(id, payload, length); break;
    case RELEASE: boot_release(id); break;
    case HALT: if (agent_is_init) halt(); break;
    default:
      s = stream_find(id);
      if (s != NULL) on_stream_frame(type, s, payload, length);
  }
}

static void reap(int signal_fd) {
  struct signalfd_siginfo info;
  while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {}
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) stream_exited(pid, status);
}

static int open_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Waits for input, output space, children and deadlines. Returns when the channel is closed for good. */
static void serve(int in_fd, int out_fd) {
  static struct pollfd fds[3 + 3 * MAX_STREAMS];
  static struct stream *owners[3 + 3 * MAX_STREAMS];
  int signals = open_signals();
  bool hung_up = false;
  for (;;) {
    int wait_ms = streams_tick(monotonic_ms());
    int count = streams_poll(fds + 3, owners + 3, 3 * MAX_STREAMS);
    /* A port without a host reports a hang-up all the time: poll it now and then. */
    if (hung_up && (wait_ms < 0 || wait_ms > 20)) wait_ms = 20;
    fds[0] = (struct pollfd){.fd = hung_up ? -1 : in_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = !hung_up && frames_waiting() ? out_fd : -1, .events = POLLOUT};
    fds[2] = (struct pollfd){.fd = signals, .events = POLLIN};
    if (poll(fds, (nfds_t)(3 + count), wait_ms) < 0 && errno != EINTR) return;
    if (fds[2].revents) reap(signals);
    bool more = hung_up || fds[0].revents ? frames_read(on_frame) : true;
    if (!more && !agent_is_init) return;
    hung_up = !more;
    streams_ready(fds + 3, owners + 3, count);
    if (!frames_flush() && !agent_is_init) return;
  }
}

static void serve_stdio(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  int in = fcntl(0, F_DUPFD_CLOEXEC, 3), out = fcntl(1, F_DUPFD_CLOEXEC, 3);
  fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
  fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
  frames_open(in, out);
  serve(in, out);
  streams_drop_all_but_main();
  struct stream *s = stream_find(MAIN_STREAM);
  if (s != NULL) group_signal(s, SIGKILL);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--stdio") == 0) {
    serve_stdio();
    return 0;
  }
  if (getpid() != 1) {
    fprintf(stderr, "usage: openshell-agent --stdio (anything else only as process 1 of a machine)\n");
    return 2;
  }
  agent_is_init = true;
  umask(0);
  int channel = boot_channel();
  if (channel >= 0) {
    frames_open(channel, channel);
    fprintf(stderr, "agent: ready\n");
    serve(channel, channel);
  }
  boot_halt();
  return 1;
}
