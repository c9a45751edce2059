import { driverProjects } from '../choose/driver-projects.js';
import { flavorSource } from '../choose/flavor-source.js';
import { DEFAULT_FLAVOR, type FlavorSpec, flavorSpec } from '../choose/flavor-spec.js';
import { writeFlavor } from '../choose/write-flavor.js';
import { type Command, type CommandContext, textOption } from '../command.js';

export const buildCommand = ({ name }: FlavorSpec): string =>
  name === DEFAULT_FLAVOR ? 'npm run build' : `npm run build -- ${name}`;

/** Writes a flavor and says what happened, or with `--dry-run` prints it. */
export const emit = (context: CommandContext, spec: FlavorSpec): void => {
  const source = flavorSource(spec, driverProjects(context.root));
  if (context.options['dry-run'] === true) {
    for (const { path, text } of [source.tsconfig, source.manifest]) context.print(`--- ${path}\n${text}`);
    return;
  }
  const written = writeFlavor(context.root, source);
  for (const path of written) context.print(`wrote ${path}`);
  if (written.length === 0) context.print(`the flavor '${spec.name}' is there already`);
  context.print(`build it with: ${buildCommand(spec)}`);
};

export const generate: Command = {
  name: 'generate',
  usage: 'DRIVER... [--telemetry] [--name NAME] [--dry-run]',
  doc: 'Write the two files of a flavor.',
  options: {
    telemetry: { type: 'boolean' },
    name: { type: 'string' },
    'dry-run': { type: 'boolean' },
  },
  async run(context) {
    const options = { telemetry: context.options.telemetry === true, name: textOption(context, 'name') };
    emit(context, flavorSpec(context.positionals, options, driverProjects(context.root)));
    return 0;
  },
};
