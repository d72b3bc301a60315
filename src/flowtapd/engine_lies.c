/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other processes of ours should not say.  Each may have been taken over: nothing of such a message is believed,
 * nothing is done, and the rest of us go on.  To end would send all agencies away as often as it liked.  What it may
 * say, an alarm, is on record as often as an honest one has need of it, and else counted.
 *
 * exports: engine_lie engine_lies_ */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "engine.h"

#define LIE_NS 60000000000ull   /* between two alarms */
#define CLAIM_NS 10000000000ull /* what one alarm of its own costs */
#define CLAIMS 12               /* at once */

static const char *const names[LIARS] = {
    [LIAR_DATAPLANE] = "the data plane", [LIAR_INVENTORY] = "the inventory", [LIAR_READER] = "the reader"};

void
engine_lie(struct engine *e, enum liar who)
{
	struct knocks *k = &e->lies[who].lies;
	const uint64_t now = clock_mono_ns();
	char text[184];

	k->n++;
	if (k->told_ns != 0 && now - k->told_ns < LIE_NS)
		return;
	k->told_ns = now;
	snprintf(text, sizeof text,
	    "%s says what it should not, and is not believed (%" PRIu64 " times); a restart of flowtapd makes it anew",
	    names[who], k->n);
	k->n = 0;
	engine_alarm(e, text);
}

void
engine_lies_alarm(struct engine *e, enum liar who, const char *text)
{
	struct engine_lies *l = &e->lies[who];
	const uint64_t now = clock_mono_ns();
	char more[320];

	if (l->paid_ns < now)
		l->paid_ns = now;
	if (l->paid_ns - now > (CLAIMS - 1) * CLAIM_NS) {
		l->unsaid++;
		return;
	}
	l->paid_ns += CLAIM_NS;
	if (l->unsaid == 0) {
		engine_alarm(e, text);
		return;
	}
	snprintf(more, sizeof more, "%s (and %" PRIu64 " alarms of %s before it)", text, l->unsaid, names[who]);
	l->unsaid = 0;
	engine_alarm(e, more);
}
