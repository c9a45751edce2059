import type { CommandNode } from '../arguments/command.js';
import { placeBranches, valueBranches, valueOptionPattern, walkBranches } from './shell-cases.js';

/** A zsh script: sourced, or put into a folder of `$fpath` as `_openshell`. */
export function zshCompletions(commands: readonly CommandNode[]): string {
  return `#compdef openshell

_openshell_offer() {
  compadd -- "$@"
}

_openshell_names() {
  local -a names
  names=("\${(@f)$("\${words[1]}" "$1" list --names --limit 1000 2>/dev/null </dev/null)}")
  compadd -- "\${(@)names:#}"
}

_openshell_files() {
  _files
}

_openshell() {
  local current=\${words[CURRENT]} previous=\${words[CURRENT-1]} place='' word at
  for ((at = 2; at < CURRENT; at++)); do
    word=\${words[at]}
    case $word in
    --) _files; return ;;
    ${valueOptionPattern(commands)}) ((at++)); continue ;;
    esac
    case "$place $word" in
${walkBranches(commands).join('\n')}
    esac
  done
  case "$place:$previous" in
${valueBranches(commands).join('\n')}
  esac
  case "$place" in
${placeBranches(commands).join('\n')}
  esac
}

if [[ $funcstack[1] == _openshell ]]; then
  _openshell "$@"
else
  compdef _openshell openshell
fi
`;
}
