import type { CommandNode } from '../arguments/command.js';
import { placeBranches, valueBranches, valueOptionPattern, walkBranches } from './shell-cases.js';

/**
 * A bash script to be sourced. It offers candidates by comparing prefixes, never through `compgen -W`, which expands
 * its words: a gateway must not be able to run code through a name.
 */
export function bashCompletions(commands: readonly CommandNode[]): string {
  return `_openshell_offer() {
  local word
  for word in "$@"; do
    [[ $word == "$current"* ]] && COMPREPLY+=("$word")
  done
}

_openshell_names() {
  local name
  while IFS= read -r name; do
    [[ $name =~ ^[a-zA-Z0-9._-]+$ ]] && _openshell_offer "$name"
  done < <("\${COMP_WORDS[0]}" "$1" list --names --limit 1000 2>/dev/null </dev/null)
}

_openshell_files() {
  compopt -o default 2>/dev/null
}

_openshell() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} place='' word at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    case $word in
    --) _openshell_files; return ;;
    ${valueOptionPattern(commands)}) ((at++)); continue ;;
    esac
    case "$place $word" in
${walkBranches(commands).join('\n')}
    esac
  done
  case "$place:$previous" in
${valueBranches(commands).join('\n')}
  esac
  case $place in
${placeBranches(commands).join('\n')}
  esac
}

complete -F _openshell openshell
`;
}
