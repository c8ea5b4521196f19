/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors on their way, by what /proc/PID/fdinfo tells of unix sockets. */
#include "holders/inflight.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sources/procfs.h"

/*
 * Linux has the number since 5.6; but those sent to a connection that was not accepted yet, which nobody has, it counts for
 * the listening socket since 6.3 alone.
 */
static bool kernel_counts(struct ipc_ctx *ctx)
{
	struct ipc_buf release = {0};
	unsigned version = 0, level = 0;
	bool counts = ipc_proc_read(ctx, &release, "sys/kernel/osrelease") == 0 && release.len &&
		      sscanf(release.data, "%u.%u", &version, &level) == 2 &&
		      (version > 6 || (version == 6 && level >= 3));

	ipc_buf_release(&release);
	return counts;
}

/* The number behind @word, which begins a line, in base 10. */
static bool find_number(const char *text, const char *word, uint64_t *out)
{
	const char *at = strstr(text, word);

	return at && sscanf(at + strlen(word), "%" SCNu64, out) == 1;
}

enum answer { NONE, CARRIES, GONE, UNREAD };

struct question {
	struct ipc_ctx *ctx;
	uint64_t inode; /* of the socket */
	struct ipc_buf text;
};

/* By a descriptor of the process or thread @base. Sockets of other families have no such line. */
static enum answer ask(struct question *question, const char *base, int32_t fd)
{
	uint64_t inode, descriptors = 0;
	int r = ipc_proc_read(question->ctx, &question->text, "%s/fdinfo/%" PRId32, base, fd);

	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? GONE : UNREAD;
	if (!find_number(question->text.data, "\nino:", &inode) || inode != question->inode)
		return GONE; /* another's by now */
	find_number(question->text.data, "\nscm_fds:", &descriptors);
	return descriptors ? CARRIES : NONE;
}

/* A thread may have descriptors of its own, and the first one may have ended. */
static enum answer ask_threads(struct question *question, const struct ipc_hold *hold)
{
	enum answer answer = GONE;
	struct dirent *entry;
	char base[64];
	DIR *dir;
	int r = ipc_proc_opendir(question->ctx, &dir, "%" PRId64 "/task", hold->process->pid);

	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? GONE : UNREAD;
	while (answer == GONE && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(base, sizeof(base), "%" PRId64 "/task/%.20s", hold->process->pid, entry->d_name);
		answer = ask(question, base, hold->fd);
	}
	closedir(dir);
	return answer;
}

/* By the first descriptor that still is one of it. */
static enum answer ask_any(struct question *question, const struct ipc_holders *holders, const struct ipc_held *held)
{
	const struct ipc_hold *hold = NULL;
	enum answer answer = GONE, next;
	char base[32];

	question->inode = held->key.inode;
	while ((answer == GONE || answer == UNREAD) && (hold = ipc_holders_hold(holders, held, hold))) {
		snprintf(base, sizeof(base), "%" PRId64, hold->process->pid);
		next = ask(question, base, hold->fd);
		if (next == GONE)
			next = ask_threads(question, hold);
		if (next != GONE)
			answer = next;
	}
	return answer;
}

void ipc_inflight_read(struct ipc_ctx *ctx, const struct ipc_holders *holders, struct ipc_inflight *out)
{
	struct ipc_inflight inflight = {.counted = kernel_counts(ctx)};
	struct question question = {.ctx = ctx};
	const struct ipc_held *held;
	size_t at = 0;

	while (inflight.counted && (held = ipc_holders_next(holders, IPC_SPACE_SOCKET, &at))) {
		enum answer answer = ask_any(&question, holders, held);

		inflight.sockets += answer == CARRIES;
		inflight.unread += answer == UNREAD;
	}
	ipc_buf_release(&question.text);
	*out = inflight;
}
