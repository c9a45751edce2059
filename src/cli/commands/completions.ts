import { bashCompletions } from '../completions/bash.js';
import { fishCompletions } from '../completions/fish.js';
import { zshCompletions } from '../completions/zsh.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';

const SCRIPTS: Readonly<Record<string, () => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

export async function run({ args, out }: Context): Promise<number> {
  const script = SCRIPTS[args.positionals[0] ?? ''];
  if (script !== undefined) {
    await out.write(script());
  }
  return EXIT.ok;
}
