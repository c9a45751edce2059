/* Frames in and out of the channel: a fixed input buffer, a fixed output queue, nothing allocated by a claimed length. */
#include "agent.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define OUT_QUEUE (384 * 1024)

static int channel_in = -1, channel_out = -1;
static unsigned char input[HEADER_SIZE + MAX_PAYLOAD_IN];
static size_t input_length;
static unsigned char output[OUT_QUEUE];
static size_t output_start, output_end;

static uint32_t get_u32(const unsigned char *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u32(unsigned char *p, uint32_t value) {
  for (int i = 0; i < 4; i++) p[i] = (unsigned char)(value >> (8 * i));
}

void frames_open(int in_fd, int out_fd) {
  channel_in = in_fd;
  channel_out = out_fd;
}

static bool header_is_valid(const unsigned char *p) {
  return p[0] == 'O' && p[1] == 'S' && p[3] == 0 && get_u32(p + 8) <= MAX_PAYLOAD_IN;
}

/* False at end of input. Bytes that do not begin a frame are skipped: a new host first completes a partial frame. */
bool frames_read(frame_handler handle) {
  ssize_t n = read(channel_in, input + input_length, sizeof input - input_length);
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  input_length += (size_t)n;
  size_t at = 0;
  while (input_length - at >= HEADER_SIZE) {
    const unsigned char *header = input + at;
    if (!header_is_valid(header)) {
      at++;
      continue;
    }
    size_t length = get_u32(header + 8);
    if (input_length - at < HEADER_SIZE + length) break;
    handle(header[2], get_u32(header + 4), header + HEADER_SIZE, length);
    at += HEADER_SIZE + length;
  }
  memmove(input, input + at, input_length - at);
  input_length -= at;
  return true;
}

/* False when the channel is permanently broken. */
bool frames_flush(void) {
  while (output_start < output_end) {
    ssize_t n = write(channel_out, output + output_start, output_end - output_start);
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENODEV || (agent_is_init && errno == EPIPE);
    if (n == 0) return true;
    output_start += (size_t)n;
  }
  output_start = output_end = 0;
  return true;
}

bool frames_waiting(void) { return output_start < output_end; }

void frames_forget_output(void) { output_start = output_end = 0; }

static void compact(void) {
  if (output_start == 0) return;
  memmove(output, output + output_start, output_end - output_start);
  output_end -= output_start;
  output_start = 0;
}

/* Space for payload bytes of data frames; a part of the queue is reserved for control frames. */
size_t frames_room(void) {
  size_t used = output_end - output_start;
  size_t limit = OUT_QUEUE - 128 * 1024;
  return used + HEADER_SIZE >= limit ? 0 : limit - used - HEADER_SIZE;
}

unsigned char *frame_space(size_t *capacity) {
  compact();
  *capacity = frames_room();
  if (*capacity > MAX_PAYLOAD_OUT) *capacity = MAX_PAYLOAD_OUT;
  return output + output_end + HEADER_SIZE;
}

void frame_commit(uint8_t type, uint32_t stream, size_t length) {
  unsigned char *p = output + output_end;
  p[0] = 'O';
  p[1] = 'S';
  p[2] = type;
  p[3] = 0;
  put_u32(p + 4, stream);
  put_u32(p + 8, (uint32_t)length);
  output_end += HEADER_SIZE + length;
}

void send_frame(uint8_t type, uint32_t stream, const void *payload, size_t length) {
  if (OUT_QUEUE - output_end < HEADER_SIZE + length) compact();
  /* Only reached for a host that sends requests without reading the answers, which are then lost. */
  if (OUT_QUEUE - output_end < HEADER_SIZE + length) return;
  memcpy(output + output_end + HEADER_SIZE, payload, length);
  frame_commit(type, stream, length);
}

void send_u32(uint8_t type, uint32_t stream, uint32_t value) {
  unsigned char payload[4];
  put_u32(payload, value);
  send_frame(type, stream, payload, sizeof payload);
}

/* Kind, text, and the system's message for `error` unless it is 0. */
void send_failure(uint32_t stream, enum failure kind, const char *text, int error) {
  char payload[512];
  size_t length = 1;
  payload[0] = (char)kind;
  const char *parts[] = {text, error ? ": " : "", error ? strerror(error) : ""};
  for (int i = 0; i < 3; i++) {
    size_t n = strlen(parts[i]);
    if (n > sizeof payload - length) n = sizeof payload - length;
    memcpy(payload + length, parts[i], n);
    length += n;
  }
  send_frame(FAILED, stream, payload, length);
}
