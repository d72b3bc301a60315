/* SPDX-License-Identifier: BSD-2-Clause */
/* login_failed.h - what pam_exec(8) runs when a login to our sshd failed: tells the daemon. */
#ifndef FLOWTAP_LOGIN_FAILED_H
#define FLOWTAP_LOGIN_FAILED_H

#define LOGIN_FAILED_NAME "flowtap-login-failed" /* this program, under another name */

/* Who and from where is in the environment.  The exit code, at which nobody looks. */
int login_failed_main(void);

#endif
