const PART_BYTES = 256 * 1024;

/** A message has a largest size; a writer's chunk has none. */
export function* parts(chunk: Buffer): Generator<Buffer> {
  for (let at = 0; at < chunk.length; at += PART_BYTES) {
    yield chunk.subarray(at, at + PART_BYTES);
  }
}
