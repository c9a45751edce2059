import type { CommandNode } from '../arguments/command.js';
import { aliases, type CompletedOption, type CompletedPlace, completedPlaces, valueFlags } from './model.js';

/** A fish script: sourced, or saved as \`completions/openshell.fish\`. */
export function fishCompletions(commands: readonly CommandNode[]): string {
  const places = completedPlaces(commands);
  return `function __openshell_place
    set -l words (commandline -opc)
    set -l place
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case --
                echo --
                return
            case ${valueFlags(commands).join(' ')}
                set skip 1
            case '-*'
${aliases(commands)
  .map(([alias, name]) => `            case ${alias}\n                set -a place ${name}`)
  .join('\n')}
            case '*'
                set -a place $word
        end
    end
    string join ' ' $place
end

function __openshell_at
    set -l place (__openshell_place)
    test "$place" = "$argv[1]"; and return
    contains -- $argv[2] arguments; and string match -q -- "$argv[1] *" "$place"
end

function __openshell_names
    openshell $argv[1] list --names --limit 1000 2>/dev/null </dev/null
end

complete -c openshell -f
${places.flatMap(placeLines).join('\n')}
`;
}

function placeLines(place: CompletedPlace): string[] {
  const isLeaf = place.path !== '' && place.words.every(({ help }) => help === '');
  const at = quoted(`__openshell_at "${place.path}"${isLeaf ? ' arguments' : ''}`);
  const words = place.words.map(
    ({ word, help }) => `complete -c openshell -n ${at} -a ${word}${help ? ` -d ${quoted(help)}` : ''}`,
  );
  if (place.completes !== 'none') {
    words.push(`complete -c openshell -n ${at} -a '(__openshell_names ${place.completes})'`);
  }
  return [...words, ...place.options.map((option) => optionLine(at, option))];
}

function optionLine(at: string, { flags, takesWord, choices, completes, help }: CompletedOption): string {
  const [long, short] = flags.map((flag) => flag.replace(/^-+/, ''));
  const parts = [`complete -c openshell -n ${at} -l ${long}`];
  if (short !== undefined) {
    parts.push(`-s ${short}`);
  }
  if (takesWord) {
    parts.push(completes === 'file' ? '-r -F' : '-x');
  }
  if (choices.length > 0) {
    parts.push(`-a ${quoted(choices.join(' '))}`);
  } else if (completes === 'sandbox' || completes === 'workspace') {
    parts.push(`-a '(__openshell_names ${completes})'`);
  }
  return `${parts.join(' ')} -d ${quoted(help)}`;
}

/** fish reads backslashes inside single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
