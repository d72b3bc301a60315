/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "seal.h"

#define KEYS 6    /* more than are kept set */
#define TEXTS 300 /* more than nonces are fetched for at once */
#define NONCE 12

/* Keys by turns, sealing and opening mixed: each text opens with its own key, place and bytes only. */
static void
test_many_keys(void **state)
{
	static uint8_t key[KEYS][SEAL_KEY_LEN];
	static uint8_t sealed[TEXTS][8 + SEAL_EXTRA];

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		key[i][0] = (uint8_t)(i + 1);
	for (unsigned i = 0; i < TEXTS; i++) {
		cleanup_buf struct buf b = {0};
		uint64_t text = i * 77, open = 1;
		const uint8_t *mine = key[i % KEYS];

		assert_int_equal(seal_put(mine, (struct seal_aad){&i, sizeof i}, &text, sizeof text, &b), 0);
		assert_int_equal(b.len, sizeof sealed[i]);
		memcpy(sealed[i], b.p, b.len);
		for (unsigned k = 0; k < KEYS; k++) {
			int r = seal_open(key[k], (struct seal_aad){&i, sizeof i}, b.p, b.len, (uint8_t *)&open);

			assert_int_equal(r, k == i % KEYS ? 0 : -EBADMSG);
			assert_true(r < 0 || open == text);
		}
		assert_int_equal(seal_open(mine, (struct seal_aad){&text, 4}, b.p, b.len, (uint8_t *)&open),
		    text == i ? 0 : -EBADMSG);
		b.p[NONCE]++;
		assert_int_equal(
		    seal_open(mine, (struct seal_aad){&i, sizeof i}, b.p, b.len, (uint8_t *)&open), -EBADMSG);
		if (i == TEXTS / 2)
			seal_forget();
	}
	for (unsigned i = 0; i < TEXTS; i++)
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(sealed[i], sealed[k], NONCE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_keys)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
