/* SPDX-License-Identifier: BSD-2-Clause */
/* A text of any length through a channel whose messages have one. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc.h"
#include "ipc_parts.h"

struct end {
	struct loop *loop;
	struct buf kept;
	const struct buf *text;
	unsigned parts;
};

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct end *e = arg;
	struct slice text;

	assert_int_equal(id, 5);
	assert_true(len <= IPC_PART_MAX);
	e->parts++;
	if (type == IPC_D_PART)
		return ipc_parts_keep(&e->kept, body, len);
	assert_int_equal(type, IPC_D_STATE);
	assert_int_equal(ipc_parts_end(&e->kept, body, len, &text), 0);
	assert_int_equal(text.len, e->text->len);
	assert_true(text.len == 0 || memcmp(text.p, e->text->p, text.len) == 0);
	buf_free(&e->kept);
	loop_stop(e->loop, 1);
	return 0;
}

static void
on_end(void *arg, int err)
{
	struct end *e = arg;

	loop_stop(e->loop, err ? err : -ECONNRESET);
}

static const struct chan_ops ops = {.on_msg = on_msg, .on_end = on_end, .body_max = IPC_BODY_MAX};

static void
test_round_trip(void **state)
{
	static const size_t lengths[] = {
	    0, 1, IPC_PART_MAX, IPC_PART_MAX + 1, 2 * IPC_PART_MAX, 3 * IPC_BODY_MAX + 17, IPC_ANSWER_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		cleanup_buf struct buf text = {0};
		struct end e = {.text = &text};
		struct chan *from, *to;
		int pair[2];

		assert_int_equal(loop_new(&e.loop), 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(chan_new(e.loop, pair[0], 64, &ops, &e, &from), 0);
		assert_int_equal(chan_new(e.loop, pair[1], IPC_BODY_MAX, &ops, &e, &to), 0);
		assert_non_null(buf_room(&text, lengths[i]));
		for (size_t k = 0; k < lengths[i]; k++)
			text.p[k] = (uint8_t)(k * 7 >> 3);
		text.len = lengths[i];
		assert_int_equal(
		    ipc_parts_send(from, IPC_D_PART, IPC_D_STATE, 5, (struct slice){(char *)text.p, text.len}), 0);
		assert_int_equal(loop_run(e.loop), 1);
		assert_int_equal(e.parts, lengths[i] ? (lengths[i] + IPC_PART_MAX - 1) / IPC_PART_MAX : 1);
		chan_free(from);
		chan_free(to);
		loop_free(e.loop);
	}
}

/* A peer that never ends fills no memory. */
static void
test_bound(void **state)
{
	static const uint8_t part[IPC_PART_MAX];
	cleanup_buf struct buf kept = {0};
	struct slice text;

	(void)state;
	for (size_t n = 0; n < IPC_ANSWER_MAX; n += IPC_PART_MAX)
		assert_int_equal(ipc_parts_keep(&kept, part, sizeof part), 0);
	assert_int_equal(ipc_parts_keep(&kept, part, 1), -EMSGSIZE);
	assert_int_equal(ipc_parts_end(&kept, part, 1, &text), -EMSGSIZE);
	assert_int_equal(ipc_parts_end(&kept, part, 0, &text), 0);
	assert_int_equal(text.len, IPC_ANSWER_MAX);
}

/* One entry of a LIST fits into a message, whatever an agency wrote in a request. */
static void
test_longest_entry(void **state)
{
	static const struct {
		const char *item;
		enum criteria_field field[2];
	} rows[] = {{"::,", {CRIT_SOURCE_ADDRESS, CRIT_DEST_ADDRESS}},
	    {"::-::,", {CRIT_SOURCE_ADDRESS, CRIT_DEST_ADDRESS}}, {"0,", {CRIT_SOURCE_PORT, CRIT_DEST_PORT}},
	    {"0-0,", {CRIT_SOURCE_PORT, CRIT_DEST_PORT}}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ipc_entry e = {.id = 1, .ncdest = 1, .cdest = {{"cd1", {4, {192, 0, 2, 10}}, 7890}}};
		cleanup_buf struct buf out = {0};

		for (size_t f = 0; f < 2; f++) {
			cleanup_buf struct buf text = {0};
			size_t n = 0;

			while (text.len < DTCP_REQUEST_MAX / 2 && n++ < CRITERIA_ITEMS_MAX)
				buf_put(&text, rows[i].item, strlen(rows[i].item));
			text.len--;
			assert_int_equal(criteria_parse(&e.criteria, rows[i].field[f],
					     (struct slice){(char *)text.p, text.len}, NULL),
			    0);
		}
		ipc_entry_put(&out, &e);
		assert_true(out.err == 0 && out.len + (256u << 10) < IPC_BODY_MAX);
		criteria_free(&e.criteria);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_bound),
	    cmocka_unit_test(test_longest_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
