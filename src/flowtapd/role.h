/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * role.h - what is left of each process's power once it runs: the folders and
 * the system calls.  Here and not in the processes, so that tests/escape.c can
 * try the same confinement from inside.  0 or -errno; sandbox_basics first.
 */
#ifndef FLOWTAPD_ROLE_H
#define FLOWTAPD_ROLE_H

/* It still reads the configuration, whose folder is conf_dir, when told to. */
int role_confine_parent(const char *conf_dir);
/* connections: the folder of connection.h */
int role_confine_engine(const char *state_dir, const char *connections);
/* Works on the maps and links of pin_dir, by descriptors it has. */
int role_confine_dataplane(const char *pin_dir);
/* Reads about BPF programs and links; the pins of pin_dir tell which are ours. */
int role_confine_inventory(const char *pin_dir);
/* Sends and receives the self-test's packets by a socket it has. */
int role_confine_canary(void);
int role_confine_reader(void);
int role_confine_reader_worker(void); /* after it */
/* Writes the configuration, in whose folder it works. */
int role_confine_keeper(const char *conf_dir);
/* Runs the system's tools for its users, which inherit what confines it: what they may not do fails. */
int role_confine_accounts(const char *conf_dir);
/* Runs the name services' modules: they read what they need, and what they may not do fails. */
int role_confine_names(void);
/* The same for a process that makes one look-up: it has no children and signals nobody. */
int role_confine_names_worker(void);
/* Reads HTTP from strangers: no file at all, and no descriptor but what it accepts. */
int role_confine_metrics(void);

#endif
