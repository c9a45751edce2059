import type { OutputFormat } from '../arguments/options.js';
import type { Context } from '../context.js';
import { printableJson } from './printable.js';
import { toYaml } from './yaml.js';

export interface Shown {
  /** For people. */
  table(): string;
  /** For programs: plain data. */
  value(): unknown;
}

/** Writes a result to stdout in the format of `-o`. */
export async function show({ args, out }: Context, { table, value }: Shown): Promise<void> {
  const format = (args.text('output') ?? 'table') as OutputFormat;
  await out.write(
    format === 'table' ? table() : format === 'yaml' ? toYaml(value()) : `${printableJson(value(), 2)}\n`,
  );
}
