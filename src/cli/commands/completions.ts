import type { CommandNode } from '../arguments/command.js';
import { bashCompletions } from '../completions/bash.js';
import { fishCompletions } from '../completions/fish.js';
import { zshCompletions } from '../completions/zsh.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';

const SCRIPTS: Readonly<Record<string, (commands: readonly CommandNode[]) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

export async function run({ args, out }: Context, commands: readonly CommandNode[]): Promise<number> {
  const script = SCRIPTS[args.positionals[0] ?? ''];
  if (script !== undefined) {
    await out.write(script(commands));
  }
  return EXIT.ok;
}
