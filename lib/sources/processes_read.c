/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of one process below /proc say of it. */
#include "sources/processes_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a short text in one go into @text, terminated. Returns its length or -errno. */
static ssize_t read_text(struct ipc_ctx *ctx, int64_t pid, const char *file, char *text, size_t size)
{
	ssize_t n;
	int fd;

	fd = ipc_proc_open(ctx, O_NONBLOCK, "%" PRId64 "/%s", pid, file);
	if (fd < 0)
		return fd;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	else
		text[n] = '\0';
	close(fd);
	return n;
}

/* "4711 (comm) S 1 ...": comm may hold anything, so it ends at the last parenthesis; the start time is field 22. */
int ipc_process_read_stat(struct ipc_ctx *ctx, int64_t pid, struct ipc_process_stat *out)
{
	char *open, *close, *at;
	ssize_t n;
	int field;

	n = read_text(ctx, pid, "stat", out->text, sizeof(out->text));
	if (n < 0)
		return (int)n;
	open = memchr(out->text, '(', (size_t)n);
	close = strrchr(out->text, ')');
	if (!open || !close || close < open)
		return -EINVAL;
	out->comm = (struct ipc_bytes){open + 1, (size_t)(close - open - 1)};
	for (at = close + 1, field = 2; field < 22 && at; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	out->started = at && sscanf(at, "%" SCNu64, &out->ticks) == 1;
	return 0;
}

/* "Name:	comm": a newline in it is written as \n, a backslash as two; decoded in place. */
static struct ipc_bytes take_comm(char *text)
{
	char *in = text + strlen("Name:\t"), *out = in, *start = in;

	if (strncmp(text, "Name:\t", strlen("Name:\t")) != 0)
		return IPC_NO_BYTES;
	for (; *in && *in != '\n'; in++) {
		bool escaped = *in == '\\' && (in[1] == '\\' || in[1] == 'n');

		in += escaped;
		*out++ = (char)(escaped && *in == 'n' ? '\n' : *in);
	}
	return (struct ipc_bytes){start, (size_t)(out - start)};
}

int ipc_process_read_status(struct ipc_ctx *ctx, int64_t pid, struct ipc_process_status *out)
{
	uint64_t *uids = out->uids;
	const char *line;
	ssize_t n;

	n = read_text(ctx, pid, "status", out->text, sizeof(out->text));
	if (n < 0)
		return (int)n;
	/* Name is printed first and escaped: no line of it can pass for this one. */
	line = strstr(out->text, "\nUid:");
	if (!line || sscanf(line, " Uid: %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &uids[0], &uids[1], &uids[2],
			    &uids[3]) != 4)
		return -EINVAL;
	out->comm = take_comm(out->text);
	return 0;
}

int ipc_process_read_uids(struct ipc_ctx *ctx, int64_t pid, uint64_t uids[4])
{
	struct ipc_process_status status;
	int r = ipc_process_read_status(ctx, pid, &status);

	if (r == 0)
		memcpy(uids, status.uids, sizeof(status.uids));
	return r;
}

/* The line comes behind that of the groups, which may be longer than any buffer of a fixed size. */
int ipc_process_read_inner(struct ipc_ctx *ctx, int64_t pid, int64_t numbers[IPC_PROCESS_LEVELS])
{
	struct ipc_buf text = {0};
	const char *at;
	char *end;
	int r = ipc_proc_read(ctx, &text, "%" PRId64 "/status", pid), count = 0;

	/* A kernel without pid namespaces has no such line. The first number is that of /proc itself. */
	at = r == 0 && text.len ? strstr(text.data, "\nNSpid:") : NULL;
	if (at)
		strtoll(at + strlen("\nNSpid:"), (char **)&at, 10);
	while (at && *at == '\t' && count < IPC_PROCESS_LEVELS) {
		numbers[count] = strtoll(at, &end, 10);
		if (end == at || numbers[count] <= 0)
			break;
		count++;
		at = end;
	}
	ipc_buf_release(&text);
	return r ? r : count;
}

/* PID/status tells; where it cannot be read, that there is a directory has to do. */
bool ipc_process_exists(struct ipc_ctx *ctx, int64_t pid)
{
	char text[4096], name[24];
	const char *line;
	int64_t group;

	if (read_text(ctx, pid, "status", text, sizeof(text)) > 0 && (line = strstr(text, "\nTgid:")))
		return sscanf(line, " Tgid: %" SCNd64, &group) == 1 && group == pid;
	snprintf(name, sizeof(name), "%" PRId64, pid);
	return faccessat(ctx->proc_fd, name, F_OK, 0) == 0;
}
