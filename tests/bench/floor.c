/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor SOURCE...: reads sources of the kernel to their end and does nothing with what comes: the least that it takes.
 *   unix     every unix socket by unix_diag, all attributes     unix-bare   the same without attributes
 *   tcp      every TCP socket by inet_diag, without attributes
 *   files    every open file by a BPF iterator: process, descriptor, inode
 *   queues   every queue of System V by MSG_STAT_ANY
 *
 * It prints the milliseconds of all reading, then how many came of each; loading the BPF program is told apart.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "floor.h"
#include "floor.skel.h"
#endif

#define BUFFER (32 * 1024)
#define EVERY_STATE (~0u)

static double loading; /* milliseconds */

static void fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* ---- netlink ----------------------------------------------------------------------------------------------------- */

static int count_message(const struct nlmsghdr *header, void *count)
{
	(void)header;
	++*(long *)count;
	return MNL_CB_OK;
}

static long dump(const void *request, size_t size)
{
	static char buffer[BUFFER];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct mnl_socket *socket = mnl_socket_open(NETLINK_SOCK_DIAG);
	long count = 0;
	ssize_t got;

	header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	memcpy(mnl_nlmsg_put_extra_header(header, size), request, size);
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		fail("sock_diag");
	do {
		got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (got < 0)
			fail("sock_diag");
	} while (mnl_cb_run(buffer, (size_t)got, 0, 0, count_message, &count) == MNL_CB_OK);
	mnl_socket_close(socket);
	return count;
}

static long unix_sockets(unsigned int show)
{
	struct unix_diag_req request = {.sdiag_family = AF_UNIX, .udiag_states = EVERY_STATE, .udiag_show = show};

	return dump(&request, sizeof(request));
}

static long read_unix(void)
{
	return unix_sockets(UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN |
			    UDIAG_SHOW_MEMINFO | UDIAG_SHOW_UID);
}

static long read_unix_bare(void)
{
	return unix_sockets(0);
}

static long read_tcp(void)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = EVERY_STATE};
	long count = dump(&request, sizeof(request));

	request.sdiag_family = AF_INET6;
	return count + dump(&request, sizeof(request));
}

/* ---- System V ---------------------------------------------------------------------------------------------------- */

static long read_queues(void)
{
	struct msginfo info;
	struct msqid_ds queue;
	int index, last = msgctl(0, MSG_INFO, (struct msqid_ds *)&info);
	long count = 0;

	for (index = 0; index <= last; index++)
		count += msgctl(index, MSG_STAT_ANY, &queue) >= 0;
	return count;
}

/* ---- open files -------------------------------------------------------------------------------------------------- */

#ifdef HAVE_BPF
static long read_files(void)
{
	static char buffer[BUFFER];
	struct floor_bpf *program;
	struct bpf_link *link;
	double began = now();
	ssize_t got;
	long bytes = 0;
	int fd;

	program = floor_bpf__open_and_load();
	link = program ? bpf_program__attach_iter(program->progs.each_file, NULL) : NULL;
	fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	if (fd < 0)
		fail("BPF");
	loading += now() - began;
	while ((got = read(fd, buffer, sizeof(buffer))) > 0 || (got < 0 && errno == EAGAIN))
		bytes += got > 0 ? got : 0;
	if (got < 0)
		fail("BPF");
	close(fd);
	began = now();
	bpf_link__destroy(link);
	floor_bpf__destroy(program);
	loading += now() - began;
	return bytes / (long)sizeof(struct floor_file);
}
#endif

/* ---- the command line -------------------------------------------------------------------------------------------- */

static const struct source {
	const char *name;
	long (*read)(void);
} sources[] = {
	{"unix", read_unix},   {"unix-bare", read_unix_bare}, {"tcp", read_tcp}, {"queues", read_queues},
#ifdef HAVE_BPF
	{"files", read_files},
#endif
};

static const struct source *find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	fprintf(stderr, "floor: no such source: %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	double began = now();
	long counts[16];
	int i;

	if (argc < 2 || argc > 16) {
		fputs("usage: floor SOURCE...\n", stderr);
		return 2;
	}
	for (i = 1; i < argc; i++)
		counts[i] = find(argv[i])->read();
	printf("%.3f ms", now() - began - loading);
	for (i = 1; i < argc; i++)
		printf(", %s %ld", argv[i], counts[i]);
	if (loading > 0)
		printf(", %.3f ms to load and unload", loading);
	puts("");
	return 0;
}
