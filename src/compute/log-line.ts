/** Longer log lines are split. */
export const LONGEST_LOG_LINE_BYTES = 16 * 1024;
