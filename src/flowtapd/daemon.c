/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "daemon.h"
#include "log.h"

static void
ready_put(struct buf *b, int err, const char *why)
{
	buf_put_u32(b, (uint32_t)-err);
	buf_put_str(b, why ? why : "");
}

int
daemon_ready_sync(int fd, int err, const char *why)
{
	cleanup_buf struct buf b = {0};

	ready_put(&b, err, why);
	return b.err ? b.err : chan_write_sync(fd, IPC_P_READY, 0, b.p, b.len);
}

void
daemon_ready(struct chan *c, int err, const char *why)
{
	cleanup_buf struct buf b = {0};

	ready_put(&b, err, why);
	/* A parent that is gone is noticed by the end of the channel. */
	(void)chan_send(c, IPC_P_READY, 0, b.p, b.len);
}

void
daemon_chan_end(int err)
{
	if (err < 0 && err != -EPIPE)
		log_warn(err, "the channel to another process of ours ends");
}

int
daemon_config_get(const uint8_t *body, size_t len, struct conf **conf, uint32_t **uid, char by[static 33])
{
	struct ipc_config msg = {0};
	struct conf_error err;
	struct conf *c;
	struct rd r = rd_init(body, len);
	int rc = ipc_config_get(&msg, &r);

	if (rc < 0)
		return rc;
	rc = conf_parse(msg.text.p, msg.text.len, &c, &err);
	if (rc == 0 && c->nagency + c->nlogin + DAEMON_NUMBERS != msg.nuid) {
		conf_free(c);
		rc = -EBADMSG;
	}
	if (rc < 0) {
		free(msg.uid);
		return rc;
	}
	memcpy(by, msg.by, sizeof msg.by);
	*conf = c;
	*uid = msg.uid;
	return 0;
}

int
daemon_config_wait(int fd, struct conf **conf, uint32_t **uid)
{
	cleanup_buf struct buf body = {0};
	char by[33];
	uint16_t type;
	uint32_t id;
	int r = chan_read_sync(fd, DAEMON_CHAN_MAX, &type, &id, &body);

	if (r < 0)
		return r;
	if (type != IPC_P_CONFIG)
		return -EPROTO;
	return daemon_config_get(body.p, body.len, conf, uid, by);
}
