# SPDX-License-Identifier: BSD-2-Clause
# bash completion for flowtapd(8): its options, and what they take.
_flowtapd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local options="--remove --rewrap --undo-upgrade --aux --version --help -h -f -n -v"
	case $prev in
	--rewrap|-f) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	esac
	COMPREPLY=($(compgen -W "$options" -- "$cur"))
}
complete -F _flowtapd flowtapd
