/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine at all its doors at once: engine/world.h says what must hold.  The input is a script (engine/script.c).
 *
 * What the engine has at its end is freed here as far as it goes; what an answer is waited for holds is not, so leaks
 * are not looked for.
 */
#include "engine/world.h"

const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool begun;

	if (!begun)
		world_begin();
	begun = true;
	world_new(data, len);
	(void)world_life();
	/* Whatever became of that one. */
	world_again();
	return 0;
}
