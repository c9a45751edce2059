import { flavorSource, writeFlavor } from '../choose/flavor-source.js';
import { DEFAULT_FLAVOR, type FlavorSpec, flavorSpec } from '../choose/flavor-spec.js';
import { partProjects } from '../choose/projects.js';
import { type Command, type CommandContext, commaList } from '../command.js';

export function buildCommand({ name }: FlavorSpec): string {
  return name === DEFAULT_FLAVOR ? 'npm run build' : `npm run build -- ${name}`;
}

/** Writes a flavor and reports it, or with `--dry-run` prints it. */
export function emit(context: CommandContext, spec: FlavorSpec): void {
  const source = flavorSource(spec, partProjects(context.root));
  if (context.flag('dry-run')) {
    for (const { path, text } of [source.tsconfig, source.manifest]) {
      context.print(`--- ${path}\n${text}`);
    }
    return;
  }
  const written = writeFlavor(context.root, source);
  for (const path of written) {
    context.print(`wrote ${path}`);
  }
  if (written.length === 0) {
    context.print(`the flavor '${spec.name}' already exists`);
  }
  context.print(`build it with: ${buildCommand(spec)}`);
}

export const generate: Command = {
  name: 'generate',
  usage: 'DRIVER... [--with PART,...] [--without PART,...] [--telemetry] [--name NAME] [--dry-run]',
  doc: 'Write the two files of a flavor. --telemetry: the same as --with telemetry.',
  texts: ['with', 'without', 'name'],
  flags: ['telemetry', 'dry-run'],
  async run(context) {
    const choice = {
      drivers: context.positionals,
      with: [...commaList(context, 'with'), ...(context.flag('telemetry') ? ['telemetry'] : [])],
      without: commaList(context, 'without'),
      name: context.text('name'),
    };
    emit(context, flavorSpec(choice, partProjects(context.root)));
    return 0;
  },
};
