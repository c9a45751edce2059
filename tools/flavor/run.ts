import { Code, invalidArgument, OpenShellError } from '../../dist/compute/errors.js';
import { columns } from '../../dist/kit/arguments/columns.js';
import { type Arguments, type OptionSyntax, parseArguments } from '../../dist/kit/arguments/parse.js';
import { nearest } from '../../dist/kit/nearest.js';
import { driverProjects } from './choose/projects.js';
import type { Command } from './command.js';
import { COMMANDS } from './commands/index.js';

export interface RunOptions {
  /** The repository. */
  readonly root: string;
  readonly cwd: string;
  readonly argv: readonly string[];
  /** Default: the process's stdout and stderr. */
  readonly print?: (line: string) => void;
  readonly progress?: (line: string) => void;
}

/** The command that a first word without a command's name means: `openshell-flavor docker vm`. */
const GENERATE = 'generate';

function help(): string {
  const rows = COMMANDS.map(({ name, usage, doc }) => ({ left: `${name} ${usage}`, text: doc }));
  return [
    'usage: openshell-flavor [COMMAND] ...',
    '',
    ...columns(rows),
    '',
    "'generate' may be left out.",
  ].join('\n');
}

function choose(root: string, argv: readonly string[]): { command: Command; rest: readonly string[] } {
  const [first = '', ...rest] = argv;
  const named = COMMANDS.find(({ name }) => name === first);
  if (named !== undefined) {
    return { command: named, rest };
  }
  const names = COMMANDS.map(({ name }) => name);
  const isDriver = driverProjects(root).some(({ name }) => name === first);
  const meant = isDriver || first.startsWith('-') ? undefined : nearest(first, names);
  if (meant !== undefined) {
    throw invalidArgument(`there is no command '${first}'`, { hint: `did you mean '${meant}'?` });
  }
  return { command: COMMANDS.find(({ name }) => name === GENERATE) as Command, rest: argv };
}

/** Runs `openshell-flavor`: 0 for yes, 1 for no, 2 for a command line that makes no sense, 3 for a failure. */
export async function run(options: RunOptions): Promise<number> {
  const print = options.print ?? ((line: string) => void process.stdout.write(`${line}\n`));
  const progress = options.progress ?? ((line: string) => void process.stderr.write(`${line}\n`));
  if (options.argv.length === 0 || ['--help', '-h', 'help'].includes(options.argv[0] as string)) {
    print(help());
    return options.argv.length === 0 ? 2 : 0;
  }
  try {
    const { command, rest } = choose(options.root, options.argv);
    const given = parse(command, rest);
    return await command.run({ root: options.root, cwd: options.cwd, ...given, print, progress });
  } catch (thrown) {
    const error = OpenShellError.from(thrown);
    progress(`openshell-flavor: ${error.text}`);
    if (error.code === Code.INTERNAL && error.cause instanceof Error && error.cause.stack !== undefined) {
      progress(error.cause.stack);
    }
    return error.code === Code.INVALID_ARGUMENT ? 2 : 3;
  }
}

function parse({ name, usage, texts = [], flags = [] }: Command, argv: readonly string[]): Arguments {
  const options = [
    ...texts.map((text): [string, OptionSyntax] => [text, { kind: 'text' }]),
    ...flags.map((flag): [string, OptionSyntax] => [flag, { kind: 'flag' }]),
  ];
  const { problems, ...given } = parseArguments(argv, Object.fromEntries(options));
  const [problem] = problems;
  if (problem !== undefined) {
    const { option, message, hint = `usage: openshell-flavor ${name} ${usage}` } = problem;
    const text = message === undefined ? `${name} has no option ${option}` : `${option} ${message}`;
    throw invalidArgument(text, { hint });
  }
  return { ...given, positionals: [...given.positionals, ...given.trailing] };
}
