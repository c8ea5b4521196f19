/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Raw sockets from /proc/net/raw and raw6, where the kernel has no raw_diag. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/sock_inet.h"
#include "sources/procfs.h"

/*
 * "0100007F:0001" or 32 digits: words of the address in the byte order of the machine, as the kernel prints them, and
 * a port in hexadecimal.
 */
static bool parse_end(const char *text, unsigned family, struct ipc_inet_end *out)
{
	uint32_t words[4];
	unsigned port;

	if (family == AF_INET) {
		if (sscanf(text, "%8" SCNx32 ":%4x", &words[0], &port) != 2)
			return false;
		ipc_inet_end_v4(out, words[0], (uint16_t)port);
		return true;
	}
	if (sscanf(text, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 ":%4x", &words[0], &words[1], &words[2],
		   &words[3], &port) != 5)
		return false;
	memcpy(out->address, words, sizeof(words));
	out->port = (uint16_t)port;
	return true;
}

/*
 * "  sl: local remote st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ref pointer drops". The port of the
 * local end is the protocol.
 */
static bool parse_line(const char *line, unsigned family, struct ipc_inet_socket *out)
{
	uint32_t sent, received, uid;
	char local[42], peer[42];
	unsigned state;

	*out = (struct ipc_inet_socket){.family = family, .memory = IPC_UNKNOWN};
	if (sscanf(line, " %*u: %41s %41s %2x %8" SCNx32 ":%8" SCNx32 " %*x:%*x %*x %" SCNu32 " %*u %" SCNu64, local,
		   peer, &state, &sent, &received, &uid, &out->inode) != 7)
		return false;
	if (!parse_end(local, family, &out->local) || !parse_end(peer, family, &out->peer))
		return false;
	out->state = state;
	out->send_queue = sent;
	out->receive_queue = received;
	out->uid = uid;
	return true;
}

static int read_file(struct ipc_run *run, const char *name, unsigned family,
		     int (*fn)(const struct ipc_inet_socket *, void *), void *data)
{
	struct ipc_inet_socket socket;
	struct ipc_buf text = {0};
	const char *line;
	int r;

	/* The thread's own: it may stand in another network namespace than the process. */
	r = ipc_proc_read(run->ctx, &text, "%s/%s", run->ctx->captured ? "net" : "thread-self/net", name);
	/* The first line names the columns. */
	for (line = text.data ? strchr(text.data, '\n') : NULL; r == 0 && line; line = strchr(line + 1, '\n'))
		if (parse_line(line + 1, family, &socket))
			r = fn(&socket, data);
	ipc_buf_release(&text);
	return r;
}

int ipc_inet_read_raw(struct ipc_run *run, int (*fn)(const struct ipc_inet_socket *socket, void *data), void *data)
{
	int r;

	r = read_file(run, "raw", AF_INET, fn, data);
	if (r < 0)
		return r;
	r = read_file(run, "raw6", AF_INET6, fn, data);
	/* A kernel without IPv6 has no such file. */
	return r == -ENOENT ? 0 : r;
}
