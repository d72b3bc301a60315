# SPDX-License-Identifier: BSD-2-Clause
# bash completion for dtcp(1): a router, a command, and the options that belong to it.
_dtcp() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} router= command= skip= word
	local options="--login --port --identity --option --password-file --ssh --exec --csource --key --timeout --json
		--pretty --quiet --color --version --help -l -p -i -o -j -J -q -h"
	local add="--source --dest --protocol --source-port --dest-port --icmp-type --icmp-code --to --from --ttl
		--priority --warrant --timeout-idle --timeout-total --timeout-packets --timeout-bytes --ipv6
		--everything --cdest"
	local delete="--cdest"
	local list="--cdest --flags"
	local run="--window --stop"
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [ -n "$skip" ]; then
			skip=
			continue
		fi
		case $word in
		--login|-l|--port|-p|--identity|-i|--option|-o|--password-file|--ssh|--exec|--csource|--key|--timeout|--color|--source|--dest|--protocol|--source-port|--dest-port|--icmp-type|--icmp-code|--to|--from|--ttl|--priority|--warrant|--timeout-idle|--timeout-total|--timeout-packets|--timeout-bytes|--cdest|--flags|--window)
			skip=yes ;;
		-*) ;;
		*) if [ -z "$router" ]; then router=$word; elif [ -z "$command" ]; then command=$word; fi ;;
		esac
	done
	case $prev in
	--login|-l) COMPREPLY=($(compgen -u -- "$cur")); return ;;
	--port|-p|--option|-o|--ssh|--exec|--csource|--key|--timeout|--source|--dest|--protocol|--source-port|--dest-port|--icmp-type|--icmp-code|--to|--from|--ttl|--priority|--warrant|--timeout-idle|--timeout-total|--timeout-packets|--timeout-bytes|--cdest|--window) return ;;
	--identity|-i|--password-file) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--color) COMPREPLY=($(compgen -W "auto always never" -- "$cur")); return ;;
	--flags) COMPREPLY=($(compgen -W "both criteria stats" -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		case $command in
		add|delete|list|run) COMPREPLY=($(compgen -W "$options ${!command}" -- "$cur")) ;;
		*) COMPREPLY=($(compgen -W "$options" -- "$cur")) ;;
		esac
	elif [ -z "$router" ]; then
		COMPREPLY=($(compgen -A hostname -- "$cur"))
	elif [ -z "$command" ]; then
		COMPREPLY=($(compgen -W "add delete list noop run" -- "$cur"))
	elif [ "$command" = run ]; then
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
complete -F _dtcp dtcp
