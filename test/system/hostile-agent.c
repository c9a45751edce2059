/*
 * The guest agent turned hostile: linked with --wrap around the real one, it behaves until somebody runs one of the
 * words below as a command. What it then does is what a sandbox could do that took its machine's kernel over.
 */
#include "agent.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void __real_frames_open(int in_fd, int out_fd);
void __real_spawn_process(uint32_t id, struct spawn_spec *spec);

static int channel;

void __wrap_frames_open(int in_fd, int out_fd) {
  channel = out_fd;
  __real_frames_open(in_fd, out_fd);
}

static void put(const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  while (length > 0) {
    ssize_t n = write(channel, at, length);
    if (n > 0) at += n, length -= (size_t)n;
    else poll(&(struct pollfd){.fd = channel, .events = POLLOUT}, 1, 100);
  }
}

static void header(uint8_t type, uint32_t stream, uint32_t length) {
  unsigned char bytes[HEADER_SIZE] = {'O', 'S', type, 0};
  memcpy(bytes + 4, &stream, 4);
  memcpy(bytes + 8, &length, 4);
  put(bytes, sizeof bytes);
}

static void started(uint32_t id) {
  uint32_t pid = 2;
  header(STARTED, id, sizeof pid);
  put(&pid, sizeof pid);
}

static unsigned char block[MAX_PAYLOAD_OUT];

/* Output that nobody granted. */
static void flood(uint32_t id) {
  started(id);
  for (;;) {
    header(OUT, id, sizeof block);
    put(block, sizeof block);
  }
}

static void garbage(void) {
  int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  for (;;) {
    ssize_t n = read(random, block, sizeof block);
    if (n > 0) put(block, (size_t)n);
  }
}

static void claim_4_gib(uint32_t id) {
  started(id);
  header(OUT, id, 0xffffffff);
  for (;;) put(block, sizeof block);
}

/* As much as was granted, in frames of one byte: what each costs the host beside its byte adds up. */
static void crumbs(uint32_t id) {
  static unsigned char frames[1024][HEADER_SIZE + 1];
  started(id);
  for (size_t i = 0; i < 1024; i++) {
    frames[i][0] = 'O', frames[i][1] = 'S', frames[i][2] = OUT, frames[i][8] = 1, frames[i][12] = 'x';
    memcpy(frames[i] + 4, &id, 4);
  }
  for (size_t sent = 0; sent < WINDOW; sent += 1024) put(frames, sizeof frames);
  for (;;) pause();
}

void __wrap_spawn_process(uint32_t id, struct spawn_spec *spec) {
  const char *word = spec->argc > 0 ? spec->argv[0] : "";
  if (strcmp(word, "hostile-flood") == 0) flood(id);
  if (strcmp(word, "hostile-garbage") == 0) garbage();
  if (strcmp(word, "hostile-claim") == 0) claim_4_gib(id);
  if (strcmp(word, "hostile-crumbs") == 0) crumbs(id);
  while (strcmp(word, "hostile-mute") == 0) pause();
  __real_spawn_process(id, spec);
}
