# SPDX-License-Identifier: BSD-2-Clause
# fish completion for flowtapd(8).
complete -c flowtapd -f
complete -c flowtapd -l remove -d 'take every tap out of the kernel'
complete -c flowtapd -l undo-upgrade -d 'put the database of the former release back'
complete -c flowtapd -l rewrap -r -F -d 'replace the machine key'
complete -c flowtapd -l aux -d 'the service beside it'
complete -c flowtapd -l version -d 'version'
complete -c flowtapd -l help -s h -d 'usage'
complete -c flowtapd -s f -r -F -d 'configuration'
complete -c flowtapd -s n -d 'check the configuration'
complete -c flowtapd -s v -d 'say more'
