/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.h - what flowtap-sshd tells the daemon of a connection whose login succeeded, and how a session of it is
 * known.  Shared by the PAM module, which writes, and the engine, which reads.
 *
 * A connection has a number, drawn at random.  Its file, named by the number in hexadecimal, is root's, in a folder of
 * the run directory that only root writes; whoever made it holds a lock on it (F_OFD_SETLK, F_WRLCK) for as long as the
 * connection lasts, so that what a killed sshd left is known for it.  The number is also a supplementary group of the
 * connection's processes: the kernel tells a socket's groups (SO_PEERGROUPS), and without privilege nobody gives
 * themselves one.
 */
#ifndef FLOWTAP_CONNECTION_H
#define FLOWTAP_CONNECTION_H

#define CONNECTION_DIR "connections"     /* in the run directory; 0750, root's, the daemon's group */
#define CONNECTION_NUMBER_MIN 0x80000000 /* group numbers that no system gives to anybody */
#define CONNECTION_NUMBER_MAX 0xfffffffe
#define CONNECTION_NAME "%08x" /* the file's, by the number */
/* The file: the user's number, a space, the address and whatever follows it (as in SSH_CONNECTION, or as in PAM_RHOST;
 * "-" if unknown), a line feed; then what SSH_AUTH_INFO_0 has. */
#define CONNECTION_HEAD_MAX 512
#define CONNECTION_AUTH_MAX 65536
#define CONNECTION_FILE_MAX (CONNECTION_HEAD_MAX + CONNECTION_AUTH_MAX)

#endif
