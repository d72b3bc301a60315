# SPDX-License-Identifier: BSD-2-Clause
# bash completion for flowtap(8): what may come next comes from its own table of commands.
_flowtap() {
	local hints
	hints=$(flowtap --complete "${COMP_WORDS[*]:1:COMP_CWORD}" 2>/dev/null)
	COMPREPLY=($(cut -f1 <<<"$hints" | grep -v '^<'))
	if [[ $hints == *"<FILE>"* || $hints == *"<OPTIONS>"* ]]; then
		COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
	fi
}
complete -F _flowtap flowtap
