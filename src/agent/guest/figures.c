/* The machine's resource usage as `key value` lines; and its clock and random pool, which are renewed after a restore. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define RNDADDENTROPY_REQUEST _IOW('R', 0x03, int[2])
#define RNDRESEEDCRNG_REQUEST _IO('R', 0x07)

void figures_send(uint32_t stream) {
  struct sysinfo memory = {0};
  struct statvfs disk = {0};
  char text[512];
  sysinfo(&memory);
  statvfs("/", &disk);
  int n = snprintf(text, sizeof text,
                   "memory_total_bytes %llu\nmemory_free_bytes %llu\ndisk_total_bytes %llu\ndisk_free_bytes %llu\n"
                   "processes %u\noom_kills %lu\n",
                   (unsigned long long)memory.totalram * memory.mem_unit,
                   (unsigned long long)memory.freeram * memory.mem_unit,
                   (unsigned long long)disk.f_blocks * disk.f_frsize,
                   (unsigned long long)disk.f_bavail * disk.f_frsize, memory.procs, group_oom_kills());
  send_frame(FIGURES_ARE, stream, text, (size_t)n);
}

/* Adds to the kernel's pool and reseeds every generator from it. */
static bool reseed(const unsigned char *bytes, size_t length) {
  struct { int bits, size; unsigned char bytes[512]; } seed;
  seed.size = (int)(length > sizeof seed.bytes ? sizeof seed.bytes : length);
  seed.bits = seed.size * 8;
  memcpy(seed.bytes, bytes, (size_t)seed.size);
  int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool renewed = ioctl(fd, RNDADDENTROPY_REQUEST, &seed) == 0 && ioctl(fd, RNDRESEEDCRNG_REQUEST) == 0;
  close(fd);
  return renewed;
}

/* Payload: u64 nanoseconds since 1970, then up to 512 bytes of seed. A restored machine must not continue without both. */
void clock_set(uint32_t stream, const unsigned char *payload, size_t length) {
  uint64_t ns = 0;
  if (length >= 8 && agent_is_init) {
    for (int i = 7; i >= 0; i--) ns = ns << 8 | payload[i];
    struct timespec now = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    if (clock_settime(CLOCK_REALTIME, &now) < 0) return send_failure(stream, SYSTEM, "the clock", errno);
    if (!reseed(payload + 8, length - 8)) return send_failure(stream, SYSTEM, "the random pool", errno);
  }
  send_frame(DONE, stream, "", 0);
}
