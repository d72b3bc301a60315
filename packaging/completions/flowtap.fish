# SPDX-License-Identifier: BSD-2-Clause
# fish completion for flowtap(8): what may come next comes from its own table of commands.
function __flowtap_hints
    set -l words (commandline -opc) (commandline -ct)
    flowtap --complete (string join ' ' -- (string match -v -- '-*' $words[2..-1])) 2>/dev/null
end
complete -c flowtap -f -a "(__flowtap_hints | string match -v -- '<*')"
complete -c flowtap -F -n "__flowtap_hints | string match -q -r -- '^<(FILE|OPTIONS|OUTPUT)>'"
complete -c flowtap -l json -s j -d 'JSON instead of text'
complete -c flowtap -l pretty -s p -d 'JSON over several lines'
complete -c flowtap -l socket -s s -r -F -d 'control socket'
complete -c flowtap -l color -x -a 'auto always never' -d 'when to use colour'
complete -c flowtap -l command -s c -x -d 'commands as in the shell'
complete -c flowtap -l version -d 'version'
complete -c flowtap -l help -s h -d 'usage'
complete -c flowtap -n '__fish_seen_subcommand_from commit rollback' -l empty
complete -c flowtap -n '__fish_seen_subcommand_from commit rollback' -l base
complete -c flowtap -n '__fish_seen_subcommand_from commit rollback' -l check
complete -c flowtap -n '__fish_seen_subcommand_from commit rollback' -l comment
complete -c flowtap -n '__fish_seen_subcommand_from commit rollback' -l confirmed
complete -c flowtap -n '__fish_seen_subcommand_from audit' -l key
complete -c flowtap -n '__fish_seen_subcommand_from audit' -l known
complete -c flowtap -n '__fish_seen_subcommand_from audit' -l begin
