import type { CommandNode } from '../arguments/command.js';
import { aliases, type CompletedOption, type CompletedPlace, completedPlaces, valueFlags } from './model.js';

/*
 * bash and zsh share their `case` syntax and these three tables; each has its own way to read the words of the line and
 * to offer candidates. The scripts call `_openshell_offer WORD...` and `_openshell_names WHAT`.
 */

/** Pattern of the options whose value is the next word. */
export function valueOptionPattern(commands: readonly CommandNode[]): string {
  return valueFlags(commands).join('|');
}

/** `case` branches over "<place> <word>" that walk down the command tree. */
export function walkBranches(commands: readonly CommandNode[]): string[] {
  const steps = completedPlaces(commands)
    .filter(({ path }) => path !== '')
    .map(({ path }) => `    ${quoted(stepInto(path))}) place=${quoted(path)} ;;`);
  return [
    ...steps,
    ...aliases(commands).map(([alias, name]) => `    ${quoted(` ${alias}`)}) place=${quoted(name)} ;;`),
  ];
}

/** `case` branches over "<place>:<option before the cursor>" that offer the option's values. */
export function valueBranches(commands: readonly CommandNode[]): string[] {
  return completedPlaces(commands).flatMap((place) =>
    place.options
      .filter(({ takesWord }) => takesWord)
      .map((option) => {
        const patterns = option.flags.map((flag) => quoted(`${place.path}:${flag}`)).join('|');
        return `    ${patterns}) ${valueOffer(option)}; return ;;`;
      }),
  );
}

/** `case` branches over "<place>" that offer its options, or its words and names. */
export function placeBranches(commands: readonly CommandNode[]): string[] {
  return completedPlaces(commands).map(
    (place) =>
      `    ${quoted(place.path)}) if [[ $current == -* ]]; then ${offer(place.options.flatMap((o) => o.flags))}; else ${placeOffer(place)}; fi ;;`,
  );
}

function placeOffer({ words, completes }: CompletedPlace): string {
  if (words.length > 0) {
    return offer(words.map(({ word }) => word));
  }
  return completes === 'none' ? ':' : `_openshell_names ${completes}`;
}

function valueOffer({ choices, completes }: CompletedOption): string {
  if (choices.length > 0) {
    return offer(choices);
  }
  if (completes === 'file') {
    return '_openshell_files';
  }
  return completes === 'none' ? ':' : `_openshell_names ${completes}`;
}

function offer(words: readonly string[]): string {
  return `_openshell_offer ${words.join(' ')}`;
}

/** The cursor's place and the next word together: ` sandbox`, `sandbox create`. */
function stepInto(path: string): string {
  return path.includes(' ') ? path : ` ${path}`;
}

function quoted(text: string): string {
  return `'${text}'`;
}
