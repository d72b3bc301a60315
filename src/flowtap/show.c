/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <string.h>

#include "show.h"

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static intmax_t
number_of(const json_t *o, const char *key)
{
	return (intmax_t)json_integer_value(json_object_get(o, key));
}

static void
put_interfaces(const json_t *list, struct buf *out)
{
	const json_t *i;
	size_t n;

	buf_printf(out, "\nInterfaces\n");
	json_array_foreach (list, n, i) {
		bool tapped = json_is_true(json_object_get(i, "tapped"));

		buf_printf(out, "  %-16s %s%s%s\n", text_of(i, "name"), tapped ? "tapped" : "not tapped",
		    tapped ? "" : ": ", tapped ? "" : text_of(i, "why"));
	}
}

/* Nothing before the first copy. */
static void
put_content_interfaces(const json_t *list, struct buf *out)
{
	const json_t *i;
	size_t n;

	if (json_array_size(list) > 0)
		buf_printf(out, "\nCopies leave by\n");
	json_array_foreach (list, n, i)
		buf_printf(out, "  %-16s %s\n", text_of(i, "name"), text_of(i, "way"));
}

static void
put_agencies(const json_t *list, struct buf *out)
{
	const json_t *a;
	size_t n;

	buf_printf(
	    out, "\n%-20s %8s %9s %13s %13s %9s\n", "Agency", "sessions", "criteria", "copies due", "sent", "lost");
	json_array_foreach (list, n, a)
		buf_printf(out, "  %-18s %8jd %9jd %13jd %13jd %9jd\n", text_of(a, "agency"), number_of(a, "sessions"),
		    number_of(a, "criteria"), number_of(a, "due"), number_of(a, "sent"),
		    number_of(a, "lost-budget") + number_of(a, "lost-otherwise"));
}

static void
put_copies(const json_t *copies, struct buf *out)
{
	buf_printf(out, "\nCopies\n  %-30s %21jd\n  %-30s %21jd\n  %-30s %21jd\n", "matched",
	    number_of(copies, "matched"), "due (matched x destinations)", number_of(copies, "due"), "sent",
	    number_of(copies, "sent"));
}

/* Only reasons that occurred; a clean account is one line. */
static void
put_losses(const json_t *losses, struct buf *out)
{
	const char *reason;
	json_t *v;
	intmax_t sum = 0;

	buf_printf(out, "\nLosses\n");
	json_object_foreach ((json_t *)losses, reason, v) {
		if (json_integer_value(v) == 0)
			continue;
		sum += (intmax_t)json_integer_value(v);
		buf_printf(out, "  %-30s %21jd\n", reason, (intmax_t)json_integer_value(v));
	}
	if (sum == 0)
		buf_printf(out, "  %-30s %21s\n", "none", "0");
}

void
show_flow_tap(const json_t *state, struct buf *out)
{
	const json_t *agencies = json_object_get(state, "agencies"), *copies = json_object_get(state, "copies");

	buf_printf(out, "Flow-tap: %s, flowtapd %s, attached by %s\n", text_of(state, "state"),
	    text_of(state, "version"), text_of(state, "attach"));
	put_interfaces(json_object_get(state, "interfaces"), out);
	if (agencies)
		put_agencies(agencies, out);
	if (copies) {
		put_copies(copies, out);
		put_losses(json_object_get(state, "losses"), out);
		put_content_interfaces(json_object_get(state, "content-interfaces"), out);
	} else
		buf_printf(out, "\nFurther figures are shown to those entitled: root and the group _flowtap.\n");
}

void
show_rotation(const json_t *answer, struct buf *out)
{
	buf_printf(out, "Rotation of keys: %s, %jd rows to seal anew\n", text_of(answer, "rotation"),
	    (intmax_t)json_integer_value(json_object_get(answer, "reseal-rows")));
}
