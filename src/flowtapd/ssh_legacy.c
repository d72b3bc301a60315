/* SPDX-License-Identifier: BSD-2-Clause */
#include "ssh_legacy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "replace.h"

#define CONFIG_MAX (256u << 10)
#define BLANKS " \t\r"

/* For Ganymed, Trilead, and JSch before 0.1.55, which know nothing else; besides all that the others are offered. */
static const char legacy_text[] =
    "# Written by flowtapd: \"system services flow-tap-dtcp ssh legacy-algorithms\" is in flowtap.conf.\n"
    "HostKeyAlgorithms +ssh-rsa\n"
    "PubkeyAcceptedAlgorithms +ssh-rsa\n"
    "KexAlgorithms +diffie-hellman-group14-sha1\n"
    "Ciphers +aes128-cbc,aes192-cbc,aes256-cbc\n";

/* The next word of line, without its quotes; sshd takes "=" after the first one, too. */
static bool
word_next(struct slice *line, struct slice *word)
{
	size_t n;

	while (line->len && strchr(BLANKS "=\"", *line->p))
		*line = (struct slice){line->p + 1, line->len - 1};
	for (n = 0; n < line->len && !strchr(BLANKS "=\"", line->p[n]);)
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

bool
ssh_legacy_is_included(struct slice text, const char *conf_dir)
{
	char all[4096];
	struct slice line, word;

	if (snprintf(all, sizeof all, "%s/" SSH_LEGACY_DIR "/*.conf", conf_dir) >= (int)sizeof all)
		return false;
	while (text.len) {
		const char *end = memchr(text.p, '\n', text.len);

		line = (struct slice){text.p, end ? (size_t)(end - text.p) : text.len};
		text = end ? (struct slice){end + 1, text.len - line.len - 1} : (struct slice){"", 0};
		if (!word_next(&line, &word))
			continue;
		if (is_keyword(word, "Match"))
			return false;
		if (!is_keyword(word, "Include"))
			continue;
		while (word_next(&line, &word))
			if (slice_eq(word, all))
				return true;
	}
	return false;
}

int
ssh_legacy_check(int conf_dir_fd, const char *conf_dir, char *why, size_t size)
{
	cleanup_buf struct buf text = {0};
	int r = replace_read(conf_dir_fd, SSH_LEGACY_CONFIG, CONFIG_MAX, &text);

	why[0] = '\0';
	if (r == 0 && ssh_legacy_is_included((struct slice){(const char *)text.p, text.len}, conf_dir))
		return 0;
	if (r == 0 || r == -ENOENT)
		snprintf(why, size,
		    "legacy-algorithms: " SSH_LEGACY_CONFIG " has no line \"Include %s/" SSH_LEGACY_DIR "/*.conf\"",
		    conf_dir);
	return r < 0 ? r : -ENOENT;
}

static bool
is_there(int dir)
{
	struct stat st;

	return fstatat(dir, SSH_LEGACY_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int
ssh_legacy_set(int dir, bool on)
{
	const struct slice want = {legacy_text, sizeof legacy_text - 1};
	cleanup_buf struct buf old = {0};

	/* Of what is not there, a disk that can't be written says that it can't. */
	if (!on)
		return !is_there(dir) || unlinkat(dir, SSH_LEGACY_FILE, 0) == 0 || errno == ENOENT ? 0 : -errno;
	if (replace_read(dir, SSH_LEGACY_FILE, sizeof legacy_text, &old) == 0 && old.len == want.len &&
	    memcmp(old.p, want.p, want.len) == 0)
		return 0;
	return replace_file(dir, SSH_LEGACY_FILE, want, 0644);
}
