# SPDX-License-Identifier: BSD-2-Clause
# bash completion for flowtap(8): what may come next comes from its own table of commands.
_flowtap() {
	local hints cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} first= i
	local options="--json --pretty --socket --color --command --version --help -j -p -s -c -h"
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s|--socket|-c|--command|--color) ((i++)) ;;
		-*) ;;
		*) first=$i; break ;;
		esac
	done
	case $prev in
	--socket|-s) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--color) COMPREPLY=($(compgen -W "auto always never" -- "$cur")); return ;;
	--command|-c) return ;;
	esac
	if [[ $cur == -* ]]; then
		[ -z "$first" ] || case ${COMP_WORDS[first]} in
		commit) options="--check --confirmed --comment --base --empty --json" ;;
		rollback) options="--check --confirmed --comment --base --empty --json" ;;
		audit) options="--key --known --begin" ;;
		*) options= ;;
		esac
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
		return
	fi
	hints=$(flowtap --complete "${COMP_WORDS[*]:${first:-COMP_CWORD}:COMP_CWORD - ${first:-COMP_CWORD} + 1}" 2>/dev/null)
	COMPREPLY=($(cut -f1 <<<"$hints" | grep -v '^<'))
	if [[ $hints == *"<FILE>"* || $hints == *"<OPTIONS>"* || $hints == *"<OUTPUT>"* ]]; then
		COMPREPLY+=($(compgen -f -- "$cur"))
	fi
}
complete -F _flowtap flowtap
