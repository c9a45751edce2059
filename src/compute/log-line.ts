/** A line of a log is split after this much. */
export const LONGEST_LOG_LINE_BYTES = 16 * 1024;
