/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unix sockets from recorded and hand-made dumps: names, peers, listeners, malformed answers, and stale socket files.
 */
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "classes/sock_unix.h"
#include "diag.h"

static void message(struct diag_bytes *bytes, uint32_t inode, unsigned type, unsigned state)
{
	const struct unix_diag_msg msg = {.udiag_family = AF_UNIX,
					  .udiag_type = type,
					  .udiag_state = state,
					  .udiag_ino = inode,
					  .udiag_cookie = {inode + 7, 1}};

	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
}

static void recorded(void **state)
{
	static const char abstract[] = "@a\0b\n\x1b\xff\"\\";
	struct diag_fixture *fx = *state;
	const struct ipc_object *listener = NULL, *accepted = NULL, *object;
	struct ipc_value local, reference;
	char text[64];
	size_t i, unnamed = 0, abstracts = 0;

	diag_write_recorded(fx, "unix");
	diag_query(fx, "sock/unix");
	assert_int_equal(ipc_set_count(fx->set), 9);
	for (i = 0; i < ipc_set_count(fx->set); i++) {
		object = ipc_set_get(fx->set, i);
		local = diag_get(object, "local");
		if (local.null)
			unnamed++;
		else if (local.str.len == sizeof(abstract) - 1 && memcmp(local.str.data, abstract, local.str.len) == 0)
			abstracts++;
		else if (local.str.len == 13 && memcmp(local.str.data, "/run/app.sock", 13) == 0)
			*(diag_get(object, "backlog").null ? &accepted : &listener) = object;
	}
	assert_int_equal(unnamed, 4);
	assert_int_equal(abstracts, 1);

	diag_status(listener, "LISTEN");
	diag_text(listener, "type", "stream");
	diag_number(listener, "receive_queue", 1);
	diag_number(listener, "backlog", 5);
	assert_true(diag_get(listener, "send_queue").null);
	assert_false(diag_get(listener, "bound_inode").null);
	diag_text(listener, "state", "held");

	diag_status(accepted, "ESTAB");
	diag_number(accepted, "receive_queue", 5);
	reference = diag_get(listener, "ref");
	snprintf(text, sizeof(text), "%.*s", (int)reference.str.len, reference.str.data);
	diag_text(accepted, "listener", text);
	/* The other end is listed under the reference that `peer` gives, and points back. */
	reference = diag_get(accepted, "peer");
	snprintf(text, sizeof(text), "%.*s", (int)reference.str.len, reference.str.data);
	object = diag_find(fx, "ref", text);
	reference = diag_get(accepted, "ref");
	snprintf(text, sizeof(text), "%.*s", (int)reference.str.len, reference.str.data);
	diag_text(object, "peer", text);

	object = diag_find(fx, "local", "/run//./app2.sock");
	diag_text(object, "type", "seqpacket");
	diag_status(object, "UNCONN");
	assert_non_null(diag_find(fx, "local", "relative.sock"));
	assert_non_null(diag_find(fx, "shutdown", "w"));
	assert_true(ipc_query_complete(fx->query));
}

static void references(void **state)
{
	struct diag_fixture *fx = *state;

	diag_write_recorded(fx, "unix");
	/* The listener, although an accepted socket has the same name. */
	assert_int_equal(diag_match(fx, "sock:/run/app.sock"), IPC_MATCH_ONE);
	diag_status(ipc_set_get(fx->set, 0), "LISTEN");
	assert_int_equal(diag_match(fx, "sock:/run/app2.sock"), IPC_MATCH_ONE);
	assert_int_equal(diag_match(fx, "sock:@a\\x00b\\x0a\\x1b\\xff\"\\x5c"), IPC_MATCH_ONE);
	assert_int_equal(diag_match(fx, "sock:@a"), IPC_MATCH_NONE);
	assert_int_equal(diag_match(fx, "sock:/relative.sock"), IPC_MATCH_NONE);
	assert_int_equal(diag_match(fx, "sock:1"), IPC_MATCH_NONE);
}

static void malformed(void **state)
{
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;
	const uint32_t word = 12345;
	char path[200];
	size_t i;

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	message(bytes, 1, SOCK_STREAM, TCP_LISTEN);
	diag_attribute(bytes, UNIX_DIAG_NAME, path, sizeof(path)); /* longer than any, not terminated */
	message(bytes, 2, SOCK_STREAM, TCP_ESTABLISHED);
	diag_attribute(bytes, UNIX_DIAG_NAME, "", 0);
	diag_attribute(bytes, UNIX_DIAG_VFS, &word, 4);
	diag_attribute(bytes, UNIX_DIAG_PEER, &word, 3);
	diag_attribute(bytes, UNIX_DIAG_RQLEN, &word, 4);
	diag_attribute(bytes, UNIX_DIAG_UID, &word, 2);
	diag_attribute(bytes, UNIX_DIAG_SHUTDOWN, "", 0);
	message(bytes, 3, 77, 200); /* neither such a type nor such a state */
	diag_attribute(bytes, UNIX_DIAG_MEMINFO, &word, 4);
	diag_attribute(bytes, UNIX_DIAG_NAME, "x\0y", 3);
	message(bytes, 3, SOCK_STREAM, TCP_ESTABLISHED); /* the same cookie: the same socket */
	message(bytes, 4, SOCK_DGRAM, TCP_CLOSE);
	diag_attribute(bytes, UNIX_DIAG_NAME, "@fake", 6);
	message(bytes, 5, SOCK_DGRAM, TCP_CLOSE);
	diag_attribute(bytes, UNIX_DIAG_NAME, "/", 2);
	message(bytes, 6, SOCK_DGRAM, TCP_CLOSE);
	diag_attribute(bytes, UNIX_DIAG_NAME, "\0", 1);
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &word, sizeof(word));
	diag_done(bytes, 0);
	diag_write(fx, "unix", bytes);
	diag_query(fx, "sock/unix");
	assert_int_equal(ipc_set_count(fx->set), 6);
	assert_int_equal(diag_get(ipc_set_get(fx->set, 0), "local").str.len, sizeof(path));
	for (i = 1; i < 3; i++) {
		const struct ipc_object *object = ipc_set_get(fx->set, i);

		diag_text(object, "peer", NULL);
		assert_true(diag_get(object, "bound_inode").null);
		assert_true(diag_get(object, "uid").null);
		assert_true(diag_get(object, "receive_queue").null);
	}
	diag_text(diag_find(fx, "ref", "sock:2"), "local", NULL);
	diag_text(diag_find(fx, "ref", "sock:3"), "local", "x");
	diag_text(diag_find(fx, "ref", "sock:3"), "type", NULL);
	diag_number(diag_find(fx, "ref", "sock:3"), "memory", 12345);
	diag_text(diag_find(fx, "ref", "sock:4"), "local", "./@fake");
	diag_text(diag_find(fx, "ref", "sock:5"), "local", "/");
	diag_text(diag_find(fx, "ref", "sock:6"), "local", "@");
	free(bytes);
}

/* Which of several listeners on one address accepted a connection is not known, and not made up. */
static void listeners(void **state)
{
	const struct unix_diag_vfs file = {.udiag_vfs_ino = 99, .udiag_vfs_dev = 7u << 20 | 3};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;

	message(bytes, 10, SOCK_STREAM, TCP_LISTEN);
	diag_attribute(bytes, UNIX_DIAG_NAME, "\0one", 4);
	message(bytes, 11, SOCK_STREAM, TCP_ESTABLISHED);
	diag_attribute(bytes, UNIX_DIAG_NAME, "\0one", 4);
	message(bytes, 12, SOCK_STREAM, TCP_LISTEN);
	diag_attribute(bytes, UNIX_DIAG_NAME, "/run/old", 9);
	diag_attribute(bytes, UNIX_DIAG_VFS, &file, sizeof(file));
	message(bytes, 13, SOCK_STREAM, TCP_LISTEN);
	diag_attribute(bytes, UNIX_DIAG_NAME, "/run/old", 9);
	diag_attribute(bytes, UNIX_DIAG_VFS, &file, sizeof(file));
	message(bytes, 14, SOCK_STREAM, TCP_ESTABLISHED);
	diag_attribute(bytes, UNIX_DIAG_NAME, "/run/old", 9);
	diag_attribute(bytes, UNIX_DIAG_VFS, &file, sizeof(file));
	message(bytes, 15, SOCK_DGRAM, TCP_ESTABLISHED);
	diag_attribute(bytes, UNIX_DIAG_NAME, "\0one", 4);
	diag_done(bytes, 0);
	diag_write(fx, "unix", bytes);
	diag_query(fx, "sock/unix");
	diag_text(diag_find(fx, "ref", "sock:11"), "listener", "sock:10");
	diag_text(diag_find(fx, "ref", "sock:14"), "listener", NULL);
	diag_text(diag_find(fx, "ref", "sock:15"), "listener", NULL);
	diag_number(diag_find(fx, "ref", "sock:14"), "bound_inode", 99);
	free(bytes);
}

/* A socket file in the tree; returns what stat says of it. */
static struct stat make_file(struct diag_fixture *fx, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[sizeof(address.sun_path)];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/run", fx->tree.root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/run/%s", fx->tree.root, name);
	memcpy(address.sun_path, path, sizeof(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(stat(path, &st), 0);
	return st;
}

static void stale(void **state)
{
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;
	struct stat bound = make_file(fx, "bound.sock"), lost = make_file(fx, "lost.sock");
	struct unix_diag_vfs file = {.udiag_vfs_ino = bound.st_ino,
				     .udiag_vfs_dev = major(bound.st_dev) << 20 | minor(bound.st_dev)};
	const struct ipc_object *object;

	/* Renamed since: found by device and inode. */
	message(bytes, 20, SOCK_STREAM, TCP_LISTEN);
	diag_attribute(bytes, UNIX_DIAG_NAME, "/run/former.sock", 17);
	diag_attribute(bytes, UNIX_DIAG_VFS, &file, sizeof(file));
	diag_done(bytes, 0);
	diag_write(fx, "unix", bytes);
	diag_query(fx, "sock/unix");
	assert_int_equal(ipc_set_count(fx->set), 2);
	object = diag_find(fx, "ref", "sock:/run/lost.sock");
	diag_status(object, "stale");
	diag_number(object, "inode", lost.st_ino);
	diag_number(object, "uid", lost.st_uid);
	/* A tree on some file system proves nothing about the file's. */
	diag_text(object, "state", "unknown");

	assert_int_equal(diag_match(fx, "sock:/run/bound.sock"), IPC_MATCH_ONE);
	diag_text(ipc_set_get(fx->set, 0), "ref", "sock:20");
	assert_int_equal(diag_match(fx, "sock:/run/former.sock"), IPC_MATCH_ONE);
	assert_int_equal(diag_match(fx, "sock:/run/lost.sock"), IPC_MATCH_ONE);
	assert_int_equal(diag_match(fx, "sock:/run/none.sock"), IPC_MATCH_NONE);
	free(bytes);
}

/* Where inodes prove nothing, a socket of the same name is taken to be bound to the file. */
static void same_name(void **state)
{
	const struct unix_diag_vfs other = {.udiag_vfs_ino = 1, .udiag_vfs_dev = 0xfff00001};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;

	make_file(fx, "name.sock");
	message(bytes, 30, SOCK_STREAM, TCP_LISTEN);
	diag_attribute(bytes, UNIX_DIAG_NAME, "/run/name.sock", 15);
	diag_attribute(bytes, UNIX_DIAG_VFS, &other, sizeof(other));
	diag_done(bytes, 0);
	diag_write(fx, "unix", bytes);
	diag_query(fx, "sock/unix");
	assert_int_equal(ipc_set_count(fx->set), 1);
	diag_text(ipc_set_get(fx->set, 0), "ref", "sock:30");
	free(bytes);
}

static void judgement(void **state)
{
	struct ipc_run run = {.needs = IPC_NEED_EVIDENCE};
	struct ipc_sock sock = {.stale = true, .namespaces = 2, .base.mode = 0755};

	(void)state;
	assert_int_equal(ipc_unix_judge_file(&run, &sock), IPC_STATE_ORPHAN);
	sock.base.mode = 0;
	assert_int_equal(ipc_unix_judge_file(&run, &sock), IPC_STATE_IDLE);
	sock.doubt = "something could not be read";
	assert_int_equal(ipc_unix_judge_file(&run, &sock), IPC_STATE_UNKNOWN);
	sock.base.mode = 0755;
	assert_int_equal(ipc_unix_judge_file(&run, &sock), IPC_STATE_UNKNOWN);
	assert_true(run.evidence_count >= 4);
	ipc_arena_release(&run.arena);
}

/* Without the dump nothing can be said of any file. */
static void not_available(void **state)
{
	struct diag_fixture *fx = *state;

	make_file(fx, "some.sock");
	diag_query(fx, "sock/unix");
	assert_int_equal(ipc_set_count(fx->set), 0);
	assert_false(ipc_query_complete(fx->query));
}

/* ---- a dump that passes over a socket and tells another one twice --------------------------------------------------- */

#define PAIRS 3 /* more sockets than are asked for one by one */

static struct {
	uint64_t cookies[2 * PAIRS];
	uint32_t inodes[2 * PAIRS];
	unsigned dumps;
	bool lost;
} churn;

static void lose_last(struct unix_diag_msg *msg)
{
	if (churn.dumps || msg->udiag_ino != churn.inodes[2 * PAIRS - 1])
		return;
	msg->udiag_ino = churn.inodes[0];
	msg->udiag_cookie[0] = (uint32_t)churn.cookies[0];
	msg->udiag_cookie[1] = (uint32_t)(churn.cookies[0] >> 32);
	churn.lost = true;
}

/* In place of the library's own: what the kernel says, but for the first dump. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	ssize_t got = recv(mnl_socket_get_fd(socket), buffer, size, 0);
	struct nlmsghdr *nlh = buffer;
	int left = (int)got;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			lose_last(mnl_nlmsg_get_payload(nlh));
		else if (nlh->nlmsg_type == NLMSG_DONE)
			churn.dumps++;
	}
	return got;
}

static void churned(void **state)
{
	socklen_t len = sizeof(churn.cookies[0]);
	int fds[2 * PAIRS];
	struct ipc_query *query;
	struct ipc_set *set;
	struct ipc_ctx *ctx;
	struct stat st;
	char reference[32];
	size_t i;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_int_equal(ipc_query_new(ctx, &query), 0);
	for (i = 0; i < 2 * PAIRS; i++) {
		if (i % 2 == 0)
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, &fds[i]), 0);
		assert_int_equal(fstat(fds[i], &st), 0);
		churn.inodes[i] = (uint32_t)st.st_ino;
		assert_int_equal(getsockopt(fds[i], SOL_SOCKET, SO_COOKIE, &churn.cookies[i], &len), 0);
		snprintf(reference, sizeof(reference), "sock:%u", churn.inodes[i]);
		assert_int_equal(ipc_query_add(query, reference, false), 0);
	}
	churn.dumps = 0;
	assert_int_equal(ipc_query_collect(query, &set), 0);
	if (churn.lost)
		assert_int_equal(ipc_set_count(set), 2 * PAIRS);
	for (i = 0; i < 2 * PAIRS; i++)
		close(fds[i]);
	ipc_set_free(set);
	ipc_query_free(query);
	ipc_ctx_unref(ctx);
	if (!churn.lost)
		skip(); /* a kernel that does not dump them */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(recorded, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(references, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(malformed, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(listeners, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(stale, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(same_name, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(not_available, diag_setup, diag_teardown),
		cmocka_unit_test(judgement),
		cmocka_unit_test(churned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
