/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_cmd.h - "flowtap audit": export and head ask the daemon; verify and report need
 * nothing but the exported file and, to verify, the public key. */
#ifndef FLOWTAP_AUDIT_CMD_H
#define FLOWTAP_AUDIT_CMD_H

#include <stdbool.h>

/* argv[0] is "audit".  The exit code. */
int audit_main(const char *socket, bool json, int argc, char **argv);

#endif
