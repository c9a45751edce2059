/* The table of streams: moves bytes between the channel and processes or sockets, under the host's credit. */
#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stream table[MAX_STREAMS];

struct stream *stream_find(uint32_t id) {
  for (int i = 0; i < MAX_STREAMS; i++)
    if (table[i].used && table[i].id == id) return &table[i];
  return NULL;
}

struct stream *stream_new(uint32_t id) {
  for (int i = 0; i < MAX_STREAMS; i++) {
    if (table[i].used) continue;
    memset(&table[i], 0, sizeof table[i]);
    table[i].used = true;
    table[i].id = id;
    table[i].in_fd = table[i].out_fd = table[i].err_fd = -1;
    table[i].send_credit = WINDOW;
    return &table[i];
  }
  return NULL;
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void close_input(struct stream *s) {
  if (s->is_socket && s->in_fd >= 0) shutdown(s->in_fd, SHUT_WR);
  close_fd(&s->in_fd);
}

void stream_free(struct stream *s) {
  close_fd(&s->in_fd);
  close_fd(&s->out_fd);
  close_fd(&s->err_fd);
  free(s->pending);
  if (!s->is_socket) group_remove(s);
  s->used = false;
}

/* For a new host: what the old one started is ended, the main process stays. */
void streams_drop_all_but_main(void) {
  for (int i = 0; i < MAX_STREAMS; i++) {
    struct stream *s = &table[i];
    if (!s->used) continue;
    if (s->is_main) {
      s->send_credit = WINDOW;
      continue;
    }
    if (!s->is_socket) group_signal(s, SIGKILL);
    stream_free(s);
  }
}

static void write_pending(struct stream *s) {
  uint32_t written = 0;
  while (s->pending_length > 0 && s->in_fd >= 0) {
    ssize_t n = write(s->in_fd, s->pending + s->pending_start, s->pending_length);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      /* Nothing reads it any more: drop the rest, so that the host is not blocked. */
      written += (uint32_t)s->pending_length;
      s->pending_length = 0;
      close_fd(&s->in_fd);
      break;
    }
    s->pending_start += (size_t)n;
    s->pending_length -= (size_t)n;
    written += (uint32_t)n;
  }
  if (s->pending_length == 0) s->pending_start = 0;
  if (written > 0) send_u32(GRANT, s->id, written);
  if (s->pending_length == 0 && s->pending_eof && s->in_fd >= 0) {
    /* A terminal has no half-close: its line discipline turns this byte into end of file. */
    if (s->tty && write(s->in_fd, "\004", 1) < 0) close_fd(&s->in_fd);
    close_input(s);
  }
}

void stream_take(struct stream *s, const unsigned char *data, size_t length) {
  if (s->in_fd < 0) {
    send_u32(GRANT, s->id, (uint32_t)length);
    return;
  }
  if (s->pending == NULL) s->pending = malloc(WINDOW);
  if (s->pending == NULL || s->pending_length + length > WINDOW) {
    close_fd(&s->in_fd);
    s->pending_length = 0;
    return;
  }
  if (s->pending_start + s->pending_length + length > WINDOW) {
    memmove(s->pending, s->pending + s->pending_start, s->pending_length);
    s->pending_start = 0;
  }
  memcpy(s->pending + s->pending_start + s->pending_length, data, length);
  s->pending_length += length;
  if (!s->connecting) write_pending(s);
}

void stream_end_of_data(struct stream *s) {
  s->pending_eof = true;
  if (!s->connecting) write_pending(s);
}

/* Reads once from fd into the output queue. False when the fd has nothing more for now. */
static bool forward(struct stream *s, int *fd, uint8_t type) {
  if (*fd < 0 || s->send_credit == 0) return false;
  size_t capacity;
  unsigned char *space = frame_space(&capacity);
  if (capacity > s->send_credit) capacity = s->send_credit;
  if (capacity == 0) return false;
  ssize_t n = read(*fd, space, capacity);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n <= 0) {
    close_fd(fd);
    return false;
  }
  frame_commit(type, s->id, (size_t)n);
  s->send_credit -= (uint32_t)n;
  return true;
}

static void finish_connect(struct stream *s) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(s->in_fd, SOL_SOCKET, SO_ERROR, &error, &size);
  s->connecting = false;
  if (error != 0) {
    send_failure(s->id, REFUSED, "connect", error);
    stream_free(s);
    return;
  }
  send_u32(STARTED, s->id, 0);
  write_pending(s);
}

void stream_exited(pid_t pid, int status) {
  for (int i = 0; i < MAX_STREAMS; i++) {
    struct stream *s = &table[i];
    if (!s->used || s->pid != pid || s->reaped) continue;
    s->reaped = true;
    s->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    s->oom_killed = WIFSIGNALED(status) && group_oom_kills() > s->oom_kills_before;
    /* The main process's remaining children end with it, as in a container. */
    if (s->is_main) group_signal(s, SIGKILL);
    return;
  }
}

int streams_poll(struct pollfd *fds, struct stream **owners, int capacity) {
  int count = 0;
  size_t room;
  frame_space(&room);
  for (int i = 0; i < MAX_STREAMS && count + 3 <= capacity; i++) {
    struct stream *s = &table[i];
    if (!s->used) continue;
    bool may_send = s->send_credit > 0 && room > 0 && !s->connecting;
    if (s->in_fd >= 0 && (s->connecting || s->pending_length > 0)) {
      fds[count] = (struct pollfd){.fd = s->in_fd, .events = POLLOUT};
      owners[count++] = s;
    }
    if (s->out_fd >= 0 && may_send) {
      fds[count] = (struct pollfd){.fd = s->out_fd, .events = POLLIN};
      owners[count++] = s;
    }
    if (s->err_fd >= 0 && may_send) {
      fds[count] = (struct pollfd){.fd = s->err_fd, .events = POLLIN};
      owners[count++] = s;
    }
  }
  return count;
}

void streams_ready(struct pollfd *fds, struct stream **owners, int count) {
  for (int i = 0; i < count; i++) {
    struct stream *s = owners[i];
    if (fds[i].revents == 0 || !s->used) continue;
    if (fds[i].fd == s->in_fd && (fds[i].events & POLLOUT)) {
      if (s->connecting) finish_connect(s);
      else write_pending(s);
    } else if (fds[i].fd == s->out_fd) {
      forward(s, &s->out_fd, OUT);
    } else if (fds[i].fd == s->err_fd) {
      forward(s, &s->err_fd, ERR);
    }
  }
}

void stream_close(struct stream *s) {
  unsigned char payload[5] = {(unsigned char)s->exit_code, (unsigned char)(s->exit_code >> 8), 0, 0,
                              s->oom_killed};
  send_frame(EXIT, s->id, payload, sizeof payload);
  if (s->is_main) main_exited(s->exit_code);
  stream_free(s);
}

/* True when the process's output has been read, or no more can come. */
static bool drained(struct stream *s) {
  while (forward(s, &s->out_fd, OUT)) {}
  while (forward(s, &s->err_fd, ERR)) {}
  size_t room;
  frame_space(&room);
  bool held_back = s->send_credit == 0 || room == 0;
  return (s->out_fd < 0 && s->err_fd < 0) || !held_back;
}

static bool tick_ending(struct stream *s, int64_t now_ms) {
  if (!s->killed && now_ms >= s->kill_at_ms) {
    s->killed = true;
    s->give_up_at_ms = now_ms + 5000;
  }
  int members = group_signal(s, s->killed ? SIGKILL : 0);
  return members == 0 || (s->killed && now_ms >= s->give_up_at_ms);
}

/* Closes finished streams. Returns how long the loop may wait, in milliseconds, -1: no limit. */
int streams_tick(int64_t now_ms) {
  int wait_ms = -1;
  for (int i = 0; i < MAX_STREAMS; i++) {
    struct stream *s = &table[i];
    if (!s->used) continue;
    if (s->is_socket) {
      if (!s->connecting && s->out_fd < 0) {
        s->exit_code = 0;
        stream_close(s);
      }
      continue;
    }
    bool group_gone = !s->ending || tick_ending(s, now_ms);
    if (s->reaped && group_gone && drained(s)) {
      stream_close(s);
      continue;
    }
    if (s->ending) wait_ms = 10;
  }
  return wait_ms;
}
