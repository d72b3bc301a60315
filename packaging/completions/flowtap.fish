# SPDX-License-Identifier: BSD-2-Clause
# fish completion for flowtap(8): what may come next comes from its own table of commands.
function __flowtap_hints
    set -l words (commandline -opc) (commandline -ct)
    flowtap --complete (string join ' ' -- $words[2..-1]) 2>/dev/null
end
complete -c flowtap -f -a "(__flowtap_hints | string match -v -- '<*')"
complete -c flowtap -F -n "__flowtap_hints | string match -q -r -- '^<(FILE|OPTIONS)>'"
