# SPDX-License-Identifier: BSD-2-Clause
# bash completion for flowtap-collect(1): its options, and what they take.
_flowtap_collect() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local options="--port --address --interface --write --no-files --rotate-size --rotate-seconds --count --time --user
		--jmirror --rcvbuf --json --interval --quiet --color --version --help -p -a -i -w -n -C -G -c -t -u
		-j -I -q -h"
	case $prev in
	--port|-p|--address|-a|--rotate-size|-C|--rotate-seconds|-G|--count|-c|--time|-t|--rcvbuf|--interval|-I) return ;;
	--interface|-i) COMPREPLY=($(compgen -W "$(cd /sys/class/net && echo *)" -- "$cur")); return ;;
	--write|-w) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--user|-u) COMPREPLY=($(compgen -u -- "$cur")); return ;;
	--color) COMPREPLY=($(compgen -W "auto always never" -- "$cur")); return ;;
	esac
	COMPREPLY=($(compgen -W "$options" -- "$cur"))
}
complete -F _flowtap_collect flowtap-collect
