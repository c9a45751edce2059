export interface HelpRow {
  readonly left: string;
  readonly text: string;
  /** Shown in brackets behind the text, those that there are. */
  readonly notes?: readonly (string | undefined)[];
}

/**
 * The rows of a help text in two columns, the left one `left` wide, or as wide as its longest entry. With a `width` the
 * right one is wrapped. An entry too long for its column stands on a line of its own.
 */
export function columns(
  rows: readonly HelpRow[],
  left = Math.max(...rows.map((row) => row.left.length)),
  width = Number.POSITIVE_INFINITY,
): string[] {
  return rows.flatMap((row) => {
    const notes = row.notes?.filter((note) => note !== undefined) ?? [];
    const text = notes.length === 0 ? row.text : `${row.text} [${notes.join('; ')}]`;
    const fits = row.left.length <= left;
    const lines = wrap(text, width - left - 4).map(
      (line, at) => `  ${(fits && at === 0 ? row.left : '').padEnd(left)}  ${line}`,
    );
    return fits ? lines : [`  ${row.left}`, ...lines];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = `${line} ${word}`;
    }
  }
  return lines;
}
