/* SPDX-License-Identifier: BSD-2-Clause */
#include "other_sshd.h"

#include <fcntl.h>
#include <strings.h>

#include "buf.h"
#include "log.h"
#include "replace.h"

#define CONFIG_MAX (256u << 10)
#define BLANKS " \t\r=\""
#define ALL "/etc/ssh/sshd_config.d/*.conf"

#define GROUP "flowtap-agency" /* users of system login whose class has flow-tap-operation are in it, too */

static bool
word_next(struct slice *line, struct slice *word)
{
	size_t n = 0;

	while (line->len && strchr(BLANKS, *line->p))
		*line = (struct slice){line->p + 1, line->len - 1};
	while (n < line->len && !strchr(BLANKS, line->p[n]))
		n++;
	*word = (struct slice){line->p, n};
	*line = (struct slice){line->p + n, line->len - n};
	return n > 0;
}

static bool
is_keyword(struct slice word, const char *keyword)
{
	return word.len == strlen(keyword) && strncasecmp(word.p, keyword, word.len) == 0;
}

/* By itself, or by including the drop-in. */
static bool
line_denies(struct slice line, bool drop_in)
{
	struct slice keyword, word;
	bool deny;

	if (!word_next(&line, &keyword))
		return false;
	deny = is_keyword(keyword, "DenyGroups");
	if (!deny && !(drop_in && is_keyword(keyword, "Include")))
		return false;
	while (word_next(&line, &word))
		if (slice_eq(word, deny ? GROUP : ALL))
			return true;
	return false;
}

static bool
line_is_match(struct slice line)
{
	struct slice keyword;

	return word_next(&line, &keyword) && is_keyword(keyword, "Match");
}

bool
other_sshd_denies(struct slice config, bool drop_in)
{
	while (config.len) {
		const char *end = memchr(config.p, '\n', config.len);
		struct slice line = {config.p, end ? (size_t)(end - config.p) : config.len};

		config = end ? (struct slice){end + 1, config.len - line.len - 1} : (struct slice){"", 0};
		if (line_is_match(line))
			return false;
		if (line_denies(line, drop_in))
			return true;
	}
	return false;
}

void
other_sshd_warn(void)
{
	cleanup_buf struct buf text = {0};

	if (replace_read(AT_FDCWD, OTHER_SSHD_CONFIG, CONFIG_MAX, &text) < 0)
		return;
	if (!other_sshd_denies((struct slice){(const char *)text.p, text.len}, access(OTHER_SSHD_DROP_IN, R_OK) == 0))
		log_warnx(OTHER_SSHD_CONFIG ": this sshd lets agencies in, and may forward for them: it needs the line "
					    "\"DenyGroups " GROUP "\", or \"Include " ALL "\" and " OTHER_SSHD_DROP_IN);
}
