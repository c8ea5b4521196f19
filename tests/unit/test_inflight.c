/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors in flight, as fdinfo tells of them, on a hand-made tree; and who has a FIFO open, as the kernel knows it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "holders/inflight.h"
#include "peek/peek.h"
#include "tree.h"

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_processes *processes;
	struct ipc_holders *holders;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tree_make(&f->tree);
	tree_host(&f->tree, 1700000000);
	tree_write(&f->tree, "proc/sys/kernel/osrelease", "6.3.0-test\n");
	*state = f;
	return ipc_ctx_new(&f->ctx) || ipc_ctx_set_root(f->ctx, f->tree.root);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ipc_holders_free(f->holders);
	ipc_processes_free(f->processes);
	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static void add_socket(struct fixture *f, const char *owner, int fd, int inode, const char *info)
{
	char path[128], text[256];

	snprintf(path, sizeof(path), "proc/%s/fd/%d", owner, fd);
	snprintf(text, sizeof(text), "socket:[%d]", inode);
	tree_link(&f->tree, path, text);
	snprintf(path, sizeof(path), "proc/%s/fdinfo/%d", owner, fd);
	snprintf(text, sizeof(text), "pos:\t0\nflags:\t02000002\nmnt_id:\t10\n%s", info);
	tree_write(&f->tree, path, text);
}

static struct ipc_inflight ask(struct fixture *f)
{
	const struct ipc_holders_want want = {.spaces = IPC_SPACE_BIT(IPC_SPACE_SOCKET)};
	struct ipc_inflight answer;

	ipc_holders_free(f->holders);
	ipc_processes_free(f->processes);
	assert_int_equal(ipc_processes_new(f->ctx, 0, &f->processes), 0);
	assert_int_equal(ipc_holders_new(f->ctx, IPC_HOLDERS_PROC, &want, f->processes, &f->holders), 0);
	ipc_inflight_read(f->ctx, f->holders, &answer);
	return answer;
}

static void assert_answer(struct fixture *f, size_t sockets, size_t unread)
{
	struct ipc_inflight answer = ask(f);

	assert_true(answer.counted);
	assert_int_equal(answer.sockets, sockets);
	assert_int_equal(answer.unread, unread);
}

static void sockets_are_counted_once(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 1, "init", 1, 0);
	tree_process(&f->tree, 10, "x", 1, 0);
	add_socket(f, "1", 3, 500, "ino:\t500\nscm_fds: 0\n");
	add_socket(f, "1", 4, 501, "ino:\t501\n"); /* of another family */
	assert_answer(f, 0, 0);
	add_socket(f, "1", 5, 502, "ino:\t502\nscm_fds: 2\n");
	add_socket(f, "10", 5, 502, "ino:\t502\nscm_fds: 2\n");
	assert_answer(f, 1, 0);
	add_socket(f, "10", 6, 503, "ino:\t503\nscm_fds: 1\n");
	assert_answer(f, 2, 0);
}

/* Closed since, or a number that has gone to another one: the next who has it is asked. */
static void descriptors_come_and_go(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 1, "init", 1, 0);
	tree_process(&f->tree, 10, "x", 1, 0);
	add_socket(f, "1", 5, 502, "ino:\t999\nscm_fds: 0\n");
	assert_answer(f, 0, 0);
	add_socket(f, "10", 7, 502, "ino:\t502\nscm_fds: 3\n");
	assert_answer(f, 1, 0);
	/* A thread with descriptors of its own. */
	tree_link(&f->tree, "proc/1/fd/8", "socket:[600]");
	tree_write(&f->tree, "proc/1/task/1/fdinfo/9", "ino:\t1\n");
	tree_write(&f->tree, "proc/1/task/2/fdinfo/8", "pos:\t0\nino:\t600\nscm_fds: 1\n");
	assert_answer(f, 2, 0);
}

static void what_cannot_be_read_is_told(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 1, "init", 1, 0);
	tree_link(&f->tree, "proc/1/fd/3", "socket:[500]");
	tree_link(&f->tree, "proc/1/fdinfo/3", "3"); /* ELOOP */
	assert_answer(f, 0, 1);
	/* Somebody else's descriptor tells. */
	tree_process(&f->tree, 10, "x", 1, 0);
	add_socket(f, "10", 4, 500, "ino:\t500\nscm_fds: 0\n");
	assert_answer(f, 0, 0);
}

static void older_kernels_do_not_count_all(void **state)
{
	static const char *const releases[] = {"5.4.0", "5.10.0-30-amd64", "6.2.16", "6", "", "x"};
	struct fixture *f = *state;
	size_t i;

	tree_process(&f->tree, 1, "init", 1, 0);
	add_socket(f, "1", 3, 500, "ino:\t500\nscm_fds: 1\n");
	for (i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
		tree_write(&f->tree, "proc/sys/kernel/osrelease", releases[i]);
		assert_false(ask(f).counted);
	}
	tree_write(&f->tree, "proc/sys/kernel/osrelease", "10.0");
	assert_answer(f, 1, 0);
}

/* ---- the kernel itself ------------------------------------------------------------------------------------------- */

static void send_descriptor(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
	char text[] = "x";
	struct iovec byte = {text, 1};
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket, &message, 0), 1);
}

static void assert_open(struct ipc_ctx *ctx, int fd, uint64_t readers, uint64_t writers, uint64_t files)
{
	struct ipc_peek_fifo open = {9, 9, 9};

	assert_int_equal(ipc_peek_fifo(ctx, fd, &open), 0);
	assert_int_equal(open.readers, readers);
	assert_int_equal(open.writers, writers);
	assert_int_equal(open.files, files);
}

static void the_inode_knows(void **state)
{
	char directory[] = "/tmp/inflight.XXXXXX", path[64];
	struct ipc_peek_fifo open = {0};
	int handle, reader, writer, ends[2], sockets[2], r;
	struct ipc_ctx *ctx;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	handle = openat(AT_FDCWD, path, O_PATH);
	r = ipc_peek_fifo(ctx, handle, &open);
	if (r == 0) {
		assert_open(ctx, handle, 0, 0, 0);
		reader = openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
		assert_open(ctx, handle, 1, 0, 1);
		writer = openat(AT_FDCWD, path, O_WRONLY);
		assert_open(ctx, handle, 1, 1, 2);
		close(reader);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
		send_descriptor(sockets[0], writer);
		close(writer);
		assert_open(ctx, handle, 0, 1, 1);
		close(sockets[0]);
		close(sockets[1]);
		assert_open(ctx, handle, 0, 0, 0);
		/* An anonymous one is asked in the same way; what is neither is refused. */
		assert_int_equal(pipe(ends), 0);
		assert_open(ctx, ends[1], 1, 1, 2);
		close(ends[0]);
		close(ends[1]);
		reader = openat(AT_FDCWD, "/dev/null", O_RDONLY);
		assert_int_equal(ipc_peek_fifo(ctx, reader, &open), -ENOSYS);
		close(reader);
	}
	close(handle);
	unlink(path);
	rmdir(directory);
	ipc_ctx_unref(ctx);
	if (r)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sockets_are_counted_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(descriptors_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(older_kernels_do_not_count_all, set_up, tear_down),
		cmocka_unit_test(the_inode_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
