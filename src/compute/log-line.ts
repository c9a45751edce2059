/** A line of a log is split after this much. */
export const LONGEST_LOG_LINE_BYTES = 16 * 1024;

/** The last place at or before `at` where a UTF-8 character may begin. */
export const characterStart = (bytes: Uint8Array, at: number): number => {
  for (let i = at; i > at - 4; i--) if (((bytes[i] as number) & 0xc0) !== 0x80) return i;
  return at;
};
