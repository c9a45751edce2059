/** Words that every version of YAML reads as strings. */
const PLAIN = /^[A-Za-z][A-Za-z0-9_./-]*$/;
const RESERVED = new Set(['true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n', 'null']);

/** JSON leaves these unescaped, but they are not printable or break lines in YAML. */
const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Plain data (what JSON can hold) as a block-style YAML document with a newline at its end. */
export function toYaml(value: unknown): string {
  return `${block(value).join('\n')}\n`;
}

function block(value: unknown): string[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => block(item).map((line, at) => `${at === 0 ? '- ' : '  '}${line}`));
  }
  if (!isFilledObject(value)) {
    return [scalar(value)];
  }
  return Object.entries(value).flatMap(([key, item]) => {
    const name = text(key);
    return isNested(item)
      ? [`${name}:`, ...block(item).map((line) => `  ${line}`)]
      : [`${name}: ${scalar(item)}`];
  });
}

function isNested(value: unknown): boolean {
  return (Array.isArray(value) && value.length > 0) || isFilledObject(value);
}

function isFilledObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  );
}

function scalar(value: unknown): string {
  return typeof value === 'string' ? text(value) : JSON.stringify(value);
}

function text(value: string): string {
  if (PLAIN.test(value) && !RESERVED.has(value.toLowerCase())) {
    return value;
  }
  return JSON.stringify(value).replace(
    UNPRINTABLE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
