/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "client.h"
#include "output.h"

int
main(int argc, char **argv)
{
	struct client_opts o = {0};
	int status;

	output_begin();
	if (link_askpass(argc, argv, &status))
		return status;
	if ((status = client_opts_parse(&o, argc, argv)) < 0)
		status = o.command == CLIENT_RUN ? client_run(&o) : client_ask(&o);
	client_opts_free(&o);
	if (output_end("dtcp") < 0 && status == CLIENT_OK)
		status = CLIENT_NOT_WRITTEN;
	return status;
}
