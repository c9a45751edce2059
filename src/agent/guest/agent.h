/* The agent: a small static program that runs processes for a host over one byte channel. See ../protocol.md. */
#ifndef OPENSHELL_AGENT_H
#define OPENSHELL_AGENT_H

#define _GNU_SOURCE

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HEADER_SIZE 12
#define MAX_PAYLOAD_IN (256 * 1024)
#define MAX_PAYLOAD_OUT (32 * 1024)
#define WINDOW (256 * 1024)
#define MAX_STREAMS 256
#define MAIN_STREAM 1
#define NONCE_SIZE 16

enum frame_type {
  HELLO = 0x01, SETUP = 0x02, SPAWN = 0x03, CONNECT = 0x04, DATA = 0x05, END_OF_DATA = 0x06, CREDIT = 0x07,
  RESIZE = 0x08, SIGNAL = 0x09, END = 0x0a, PING = 0x0b, FIGURES = 0x0c, CLOCK = 0x0d, HALT = 0x0e,
  RELEASE = 0x0f,
  WELCOME = 0x41, DONE = 0x42, STARTED = 0x43, OUT = 0x44, ERR = 0x45, EXIT = 0x47, FAILED = 0x48,
  GRANT = 0x49, PONG = 0x4a, FIGURES_ARE = 0x4b
};

/* Kinds of a FAILED frame: its first byte. */
enum failure {
  BAD_PROGRAM = 'p', NOT_EXECUTABLE = 'x', BAD_DIRECTORY = 'd', BAD_USER = 'u', BAD_ROOT = 'r', REFUSED = 'c', LIMIT = 'l', SYSTEM = 's'
};

/* Whether the agent is process 1 of a machine, or runs inside an existing container. */
extern bool agent_is_init;

struct stream {
  uint32_t id;
  bool used, is_main, is_socket, connecting, tty;
  pid_t pid;
  int in_fd, out_fd, err_fd;
  uint32_t send_credit;
  /* Bytes waiting for in_fd, at most WINDOW. */
  unsigned char *pending;
  size_t pending_start, pending_length;
  bool pending_eof;
  bool reaped;
  int exit_code;
  bool oom_killed;
  unsigned long oom_kills_before;
  /* After the host requested its end: when to send SIGKILL, and when to stop waiting for the last process. */
  bool ending, killed;
  int64_t kill_at_ms, give_up_at_ms;
  char group[24];
};

struct spawn_spec {
  char **argv, **envp;
  int argc, envc;
  const char *directory, *user;
  bool wants_stdin, tty, is_main;
  unsigned short cols, rows;
};

struct identity {
  uid_t uid;
  gid_t gid;
  gid_t groups[64];
  int group_count;
  char home[256];
};

/* frames.c */
typedef void (*frame_handler)(uint8_t type, uint32_t stream, const unsigned char *payload, size_t length);
void frames_open(int in_fd, int out_fd);
bool frames_read(frame_handler handle);
bool frames_flush(void);
size_t frames_room(void);
bool frames_waiting(void);
void frames_forget_output(void);
void send_frame(uint8_t type, uint32_t stream, const void *payload, size_t length);
void send_u32(uint8_t type, uint32_t stream, uint32_t value);
void send_failure(uint32_t stream, enum failure kind, const char *text, int error);
unsigned char *frame_space(size_t *capacity);
void frame_commit(uint8_t type, uint32_t stream, size_t length);

/* streams.c */
struct stream *stream_find(uint32_t id);
struct stream *stream_new(uint32_t id);
void stream_free(struct stream *s);
void stream_close(struct stream *s);
void streams_drop_all_but_main(void);
void stream_take(struct stream *s, const unsigned char *data, size_t length);
void stream_end_of_data(struct stream *s);
void stream_exited(pid_t pid, int status);
struct pollfd;
int streams_poll(struct pollfd *fds, struct stream **owners, int capacity);
void streams_ready(struct pollfd *fds, struct stream **owners, int count);
int streams_tick(int64_t now_ms);

/* spawn.c */
bool spec_parse(const unsigned char *payload, size_t length, struct spawn_spec *spec);
void spec_free(struct spawn_spec *spec);
void spawn_process(uint32_t id, struct spawn_spec *spec);
bool spawn_limit(const char *most);
void connect_port(uint32_t id, const unsigned char *payload, size_t length);

/* identity.c */
bool identity_of(const char *user, struct identity *who);
void identity_assume(const struct identity *who);

/* group.c */
bool groups_limit(const char *memory, const char *pids, const char *cpu);
void group_make(struct stream *s);
void group_enter(const char *group);
void group_remove(struct stream *s);
int group_signal(const struct stream *s, int signal);
unsigned long group_oom_kills(void);

/* boot.c */
int boot_channel(void);
void boot_root(uint32_t stream, const unsigned char *payload, size_t length);
bool boot_root_ready(void);
void boot_release(uint32_t stream);
void boot_halt(void);

/* harden.c */
bool harden_kernel(void);
const char *harden_root(void);

/* network.c */
bool network_up(const char *address, const char *gateway);
void network_names(const char *resolv_conf);

/* figures.c */
void figures_send(uint32_t stream);
void clock_set(uint32_t stream, const unsigned char *payload, size_t length);

/* main.c */
int64_t monotonic_ms(void);
void main_started(void);
void main_exited(int exit_code);
const char *record_next(const unsigned char **at, size_t *left, char *tag);

#endif
