import { columns, type HelpRow } from '../../kit/arguments/columns.js';
import {
  type CommandGroup,
  type CommandSpec,
  isGroup,
  type OptionSpec,
  type OptionSpecs,
} from './command.js';
import { GLOBAL_OPTIONS } from './options.js';
import { COMMANDS } from './tree.js';

/** The help of a command, of a group, or (undefined) of `openshell` itself. Ends with a newline. */
export function helpText(path: readonly string[], of: CommandSpec | CommandGroup | undefined): string {
  if (of !== undefined && !isGroup(of)) {
    return commandHelp(path, of);
  }
  const name = ['openshell', ...path].join(' ');
  const nodes = of === undefined ? COMMANDS : of.commands;
  const rows = nodes.map((node) => ({
    left: isGroup(node) ? [node.name, ...node.aliases].join(', ') : node.name,
    text: node.summary,
  }));
  return sections([
    [of?.summary ?? 'Sandboxes for AI agents, through an OpenShell gateway'],
    ['Usage:', `  ${name} COMMAND [OPTIONS]`],
    ['Commands:', ...columns(rows)],
    of === undefined ? ['--version, -V shows the version.'] : [],
    ['Options of every command:', ...columns(optionRows(GLOBAL_OPTIONS))],
    [`See ${name} COMMAND --help for one command.`],
  ]);
}

function commandHelp(path: readonly string[], command: CommandSpec): string {
  const { options, notes = [] } = command;
  const rows = optionRows(options);
  return sections([
    [command.summary],
    ['Usage:', `  ${usage(path, command)}`],
    rows.length === 0 ? [] : ['Options:', ...columns(rows)],
    ['Options of every command:', ...columns(optionRows(GLOBAL_OPTIONS))],
    notes,
  ]);
}

function usage(path: readonly string[], command: CommandSpec): string {
  const words = ['openshell', ...path, '[OPTIONS]'];
  const { positional, trailing } = command;
  if (positional) {
    const name = positional.choices?.join('|') ?? `${positional.name}${positional.repeated ? '...' : ''}`;
    words.push(positional.required ? name : `[${name}]`);
  }
  if (trailing !== undefined) {
    words.push(trailing.required ? `-- ${trailing.name}` : `[-- ${trailing.name}]`);
  }
  return words.join(' ');
}

function optionRows(specs: OptionSpecs): HelpRow[] {
  return Object.entries(specs).map(([name, spec]) => ({
    left: optionName(name, spec),
    text: spec.help,
    notes: [spec.kind === 'list' ? 'may be repeated' : undefined, spec.env],
  }));
}

function optionName(name: string, { kind, short, placeholder }: OptionSpec): string {
  const value = kind === 'flag' ? '' : kind === 'optional' ? `[=${placeholder}]` : ` ${placeholder}`;
  return `${short === undefined ? '' : `-${short}, `}--${name}${value}`;
}

function sections(parts: readonly (readonly string[])[]): string {
  const filled = parts.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return `${filled.join('\n\n')}\n`;
}
