/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The holder index and its /proc source on a hand-made tree: every space, and names that pretend to be of another. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "holders/holders_index.h"
#include "holders/superblocks.h"
#include "sources/namespaces.h"
#include "tree.h"

#define IPC_NS 4026531839u
#define INTERNAL makedev(0, 1)

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_processes *processes;
	struct ipc_holders *holders;
};

static void add_process(const struct fixture *fx, int pid)
{
	char path[64];

	tree_process(&fx->tree, pid, "a) b (c", 1000, 500);
	snprintf(path, sizeof(path), "proc/%d/ns/ipc", pid);
	tree_link(&fx->tree, path, "ipc:[4026531839]");
}

static void add_fd(const struct fixture *fx, const char *owner, int fd, const char *target, const char *info)
{
	char path[128];

	snprintf(path, sizeof(path), "proc/%s/fd/%d", owner, fd);
	tree_link(&fx->tree, path, target);
	snprintf(path, sizeof(path), "proc/%s/fdinfo/%d", owner, fd);
	tree_write(&fx->tree, path, info);
}

static void set_maps(const struct fixture *fx, const char *owner, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "proc/%s/maps", owner);
	tree_write(&fx->tree, path, text);
}

static void read_holders(struct fixture *fx, struct ipc_holders_want want)
{
	assert_int_equal(ipc_processes_new(fx->ctx, want.only, &fx->processes), 0);
	assert_int_equal(ipc_holders_new(fx->ctx, IPC_HOLDERS_PROC, &want, fx->processes, &fx->holders), 0);
	assert_string_equal(ipc_holders_source(fx->holders), "proc");
}

static const struct ipc_holders_want everything = {.spaces = ~0u, .maps = true};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	tree_make(&fx->tree);
	tree_host(&fx->tree, 1700000000);
	assert_int_equal(ipc_ctx_new(&fx->ctx), 0);
	assert_int_equal(ipc_ctx_set_root(fx->ctx, fx->tree.root), 0);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	ipc_holders_free(fx->holders);
	ipc_processes_free(fx->processes);
	ipc_ctx_unref(fx->ctx);
	tree_remove(&fx->tree);
	free(fx);
	return 0;
}

static const struct ipc_held *find(const struct fixture *fx, enum ipc_space space, uint64_t device, uint64_t inode)
{
	return ipc_holders_find(fx->holders, (struct ipc_key){space, device, inode});
}

static size_t count_all(const struct fixture *fx, enum ipc_space space)
{
	size_t at = 0, count = 0;

	while (ipc_holders_next(fx->holders, space, &at))
		count++;
	return count;
}

static void assert_path(const struct ipc_held *held, const char *path)
{
	assert_non_null(held);
	assert_int_equal(held->path.len, strlen(path));
	assert_memory_equal(held->path.data, path, held->path.len);
}

/* ---- pipes and sockets --------------------------------------------------------------------------------------- */

static void test_pipe_ends(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_hold *hold = NULL;
	const struct ipc_held *held;

	add_process(fx, 101);
	add_process(fx, 102);
	add_fd(fx, "102", 0, "pipe:[77]", "pos:\t0\nflags:\t00\nmnt_id:\t15\nino:\t77\n");
	add_fd(fx, "101", 1, "pipe:[77]", "pos:\t0\nflags:\t01\nmnt_id:\t15\nino:\t77\n");
	add_fd(fx, "101", 5, "socket:[78]", "pos:\t0\nflags:\t02\nmnt_id:\t9\nino:\t78\n");
	add_fd(fx, "101", 6, "anon_inode:[eventpoll]", "pos:\t0\nflags:\t02\n");
	add_fd(fx, "101", 7, "pipe:[79", "flags:\t00\n");
	read_holders(fx, everything);

	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 2);
	held = find(fx, IPC_SPACE_PIPE, 0, 77);
	assert_non_null(held);
	assert_int_equal(held->count, 2);
	assert_true(S_ISFIFO(held->mode));
	hold = ipc_holders_hold(fx->holders, held, hold);
	assert_int_equal(hold->process->pid, 101);
	assert_int_equal(hold->fd, 1);
	assert_int_equal(hold->access, 2);
	hold = ipc_holders_hold(fx->holders, held, hold);
	assert_int_equal(hold->process->pid, 102);
	assert_int_equal(hold->access, 1);
	assert_null(ipc_holders_hold(fx->holders, held, hold));
	assert_non_null(find(fx, IPC_SPACE_SOCKET, 0, 78));
	assert_null(find(fx, IPC_SPACE_SOCKET, 0, 77));
}

/* A directory gives its entries in any order; holds come sorted. */
static void test_many_ends_are_sorted(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_hold *hold = NULL;
	const struct ipc_held *held;
	char owner[16];
	int pid, fd;

	for (pid = 200; pid < 205; pid++) {
		add_process(fx, pid);
		snprintf(owner, sizeof(owner), "%d", pid);
		for (fd = 0; fd < 120; fd++)
			add_fd(fx, owner, fd, "pipe:[77]", "flags:\t00\n");
	}
	read_holders(fx, (struct ipc_holders_want){.spaces = IPC_SPACE_BIT(IPC_SPACE_PIPE)});
	held = find(fx, IPC_SPACE_PIPE, 0, 77);
	assert_non_null(held);
	assert_int_equal(held->count, 600);
	for (pid = 200; pid < 205; pid++) {
		for (fd = 0; fd < 120; fd++) {
			hold = ipc_holders_hold(fx->holders, held, hold);
			assert_non_null(hold);
			assert_int_equal(hold->process->pid, pid);
			assert_int_equal(hold->fd, fd);
		}
	}
	assert_null(ipc_holders_hold(fx->holders, held, hold));
}

static void test_unwanted_spaces_and_processes(void **state)
{
	struct fixture *fx = *state;

	add_process(fx, 101);
	add_process(fx, 102);
	add_fd(fx, "101", 1, "pipe:[77]", "flags:\t01\n");
	add_fd(fx, "101", 2, "socket:[78]", "flags:\t02\n");
	add_fd(fx, "102", 1, "socket:[79]", "flags:\t02\n");
	read_holders(fx, (struct ipc_holders_want){.spaces = IPC_SPACE_BIT(IPC_SPACE_SOCKET), .only = 101});
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 1);
	assert_non_null(find(fx, IPC_SPACE_SOCKET, 0, 78));
}

/* What is seen in order, and what is not, comes in order. */
static void test_ends_in_order(void **state)
{
	static const int seen[][2] = {{1, 2}, {1, 3}, {1, 7}, {2, 9}, {2, 4}, {2, 9}, {1, 3}, {3, 1}};
	static const int wanted[][2] = {{1, 2}, {1, 3}, {1, 7}, {2, 4}, {2, 9}, {3, 1}};
	struct ipc_process processes[] = {{.pid = 1}, {.pid = 2}, {.pid = 3}};
	struct fixture *fx = *state;
	const struct ipc_hold *hold;
	const struct ipc_held *held;
	size_t i, upto;

	/* The first four are in order. */
	for (upto = 4; upto <= sizeof(seen) / sizeof(seen[0]); upto += 4) {
		ipc_processes_free(fx->processes);
		ipc_holders_free(fx->holders);
		read_holders(fx, everything);
		for (i = 0; i < upto; i++) {
			struct ipc_holders_seen one = {.key = {IPC_SPACE_PIPE, 0, 77}, .access = 1};

			one.process = &processes[seen[i][0] - 1];
			one.fd = seen[i][1];
			assert_int_equal(ipc_holders_add(fx->holders, &one), 0);
		}
		assert_int_equal(ipc_holders_finish(fx->holders), 0);
		held = find(fx, IPC_SPACE_PIPE, 0, 77);
		assert_non_null(held);
		assert_int_equal(held->count, upto == 4 ? 4 : 6);
		for (i = 0, hold = NULL; i < held->count; i++) {
			hold = ipc_holders_hold(fx->holders, held, hold);
			assert_non_null(hold);
			assert_int_equal(hold->process->pid, upto == 4 ? seen[i][0] : wanted[i][0]);
			assert_int_equal(hold->fd, upto == 4 ? seen[i][1] : wanted[i][1]);
		}
		assert_null(ipc_holders_hold(fx->holders, held, hold));
	}
}

/* ---- some objects alone ------------------------------------------------------------------------------------------ */

static void test_keys_alone(void **state)
{
	static const struct ipc_key keys[] = {{IPC_SPACE_PIPE, 0, 77}, {IPC_SPACE_SOCKET, 0, 80}};
	struct ipc_holders_want want = {.spaces = ~0u, .maps = true, .keys = keys, .key_count = 2};
	struct fixture *fx = *state;

	add_process(fx, 101);
	add_process(fx, 102);
	add_fd(fx, "101", 3, "pipe:[77]", "flags:\t00\n");
	add_fd(fx, "101", 4, "pipe:[78]", "flags:\t00\n");
	add_fd(fx, "101", 5, "socket:[77]", "flags:\t02\n");
	add_fd(fx, "102", 3, "socket:[80]", "flags:\t02\n");
	add_fd(fx, "102", 4, "pipe:[77]", "flags:\t01\n");
	add_fd(fx, "102", 5, "net:[4026532999]", "flags:\t00\n");
	set_maps(fx, "101", "3000-5000 rw-s 00000000 00:01 77                       /memfd:five (deleted)\n");
	read_holders(fx, want);
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 3);
	assert_int_equal(find(fx, IPC_SPACE_PIPE, 0, 77)->count, 2);
	assert_int_equal(find(fx, IPC_SPACE_SOCKET, 0, 80)->count, 1);
	/* Namespaces have no keys that anybody could know: they are asked for by their space alone. */
	assert_non_null(find(fx, IPC_SPACE_NS, IPC_NS_NET, 4026532999u));

	/* Of one process; and none at all. */
	ipc_processes_free(fx->processes);
	ipc_holders_free(fx->holders);
	want.only = 102;
	want.spaces = IPC_SPACE_BIT(IPC_SPACE_PIPE) | IPC_SPACE_BIT(IPC_SPACE_SOCKET);
	read_holders(fx, want);
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 2);
	assert_int_equal(find(fx, IPC_SPACE_PIPE, 0, 77)->count, 1);
	ipc_processes_free(fx->processes);
	ipc_holders_free(fx->holders);
	want.key_count = 0;
	read_holders(fx, want);
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 0);
}

static void test_namespaces(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_hold *hold;
	const struct ipc_held *held;

	add_process(fx, 101);
	add_process(fx, 102);
	add_fd(fx, "101", 3, "net:[4026532999]", "flags:\t00\n");
	add_fd(fx, "101", 4, "ipc:[4026532998]", "flags:\t00\n");
	add_fd(fx, "101", 5, "mnt:[4026532997]", "flags:\t00\n");
	add_fd(fx, "101", 6, "pid:[4026532996]", "flags:\t00\n");
	add_fd(fx, "101", 7, "net:[4026532995", "flags:\t00\n");
	add_fd(fx, "102", 9, "net:[4026532999]", "flags:\t00\n");
	read_holders(fx, (struct ipc_holders_want){.spaces = IPC_SPACE_BIT(IPC_SPACE_NS)});
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 3);
	assert_non_null(find(fx, IPC_SPACE_NS, IPC_NS_IPC, 4026532998u));
	assert_non_null(find(fx, IPC_SPACE_NS, IPC_NS_MNT, 4026532997u));
	held = find(fx, IPC_SPACE_NS, IPC_NS_NET, 4026532999u);
	assert_non_null(held);
	assert_int_equal(held->count, 2);
	hold = ipc_holders_hold(fx->holders, held, NULL);
	assert_int_equal(hold->process->pid, 101);
	assert_int_equal(hold->fd, 3);
	hold = ipc_holders_hold(fx->holders, held, hold);
	assert_int_equal(hold->process->pid, 102);
	assert_int_equal(hold->fd, 9);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void test_fifo_by_path(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_held *held;
	char path[128];
	struct stat st;

	add_process(fx, 101);
	snprintf(path, sizeof(path), "%s/run", fx->tree.root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/run/x\n\x1b[1m.fifo", fx->tree.root);
	assert_int_equal(mkfifo(path, 0640), 0);
	assert_int_equal(stat(path, &st), 0);
	add_fd(fx, "101", 3, "/run/x\n\x1b[1m.fifo", "flags:\t0100002\n");
	add_fd(fx, "101", 4, "/run/x\n\x1b[1m.fifo", "flags:\t012000000\n"); /* O_PATH */
	add_fd(fx, "101", 5, "/run", "flags:\t0200000\n");                   /* a directory */
	read_holders(fx, everything);

	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 1);
	held = find(fx, IPC_SPACE_FILE, st.st_dev, st.st_ino);
	assert_path(held, "/run/x\n\x1b[1m.fifo");
	assert_int_equal(held->mode, S_IFIFO | 0640);
	assert_int_equal(ipc_holders_hold(fx->holders, held, NULL)->access, 3);
	assert_int_equal(ipc_holders_hold(fx->holders, held, ipc_holders_hold(fx->holders, held, NULL))->access, 0);
}

/* ---- memory, and files that are called like it ------------------------------------------------------------------- */

static void test_memfd_by_device(void **state)
{
	struct fixture *fx = *state;
	struct stat st;
	char path[128];

	add_process(fx, 101);
	/* on a mount that is in no mountinfo: the kernel's own */
	add_fd(fx, "101", 3, "/memfd:a b\n (deleted)", "flags:\t02\nmnt_id:\t2\nino:\t5\n");
	/* an unlinked file of that name, on the root file system */
	add_fd(fx, "101", 4, "/memfd:y (deleted)", "flags:\t02\nmnt_id:\t25\nino:\t6\n");
	/* a file of that very name */
	tree_write(&fx->tree, "memfd:z (deleted)", "");
	snprintf(path, sizeof(path), "%s/memfd:z (deleted)", fx->tree.root);
	assert_int_equal(stat(path, &st), 0);
	add_fd(fx, "101", 5, "/memfd:z (deleted)", "flags:\t02\nmnt_id:\t2\nino:\t7\n");
	read_holders(fx, everything);

	assert_int_equal(count_all(fx, IPC_SPACE_MEMFD), 1);
	assert_path(find(fx, IPC_SPACE_MEMFD, INTERNAL, 5), "/memfd:a b\n (deleted)");
	assert_path(find(fx, IPC_SPACE_FILE, makedev(8, 1), 6), "/memfd:y (deleted)");
	assert_path(find(fx, IPC_SPACE_FILE, st.st_dev, st.st_ino), "/memfd:z (deleted)");
}

static void test_maps(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_held *held;
	const struct ipc_hold *hold;

	add_process(fx, 101);
	set_maps(fx, "101",
		 "1000-2000 r-xp 00000000 08:01 50                       /usr/bin/cat\n"
		 "2000-3000 rw-s 00000000 00:01 5                        /SYSV0052e2c1 (deleted)\n"
		 "3000-5000 rw-s 00000000 00:01 5                        /memfd:five (deleted)\n"
		 "5000-6000 r--s 00000000 00:01 1030                     /dev/zero (deleted)\n"
		 "6000-7000 rw-s 00000000 00:01 1031                     [anon_shmem:named]\n"
		 "7000-8000 rw-s 00000000 00:01 1032                     /drm mm object (deleted)\n"
		 "8000-9000 r--p 00000000 00:19 60                       /dev/shm/private\n"
		 "9000-a000 rw-p 00000000 00:00 0                        [heap]\n"
		 "a000-b000 r--s 00000000 08:01 51                       /var/lib/with\\012newline\n"
		 "b000-c000 ---s 00000000 08:01 51                       /var/lib/with\\012newline\n");
	read_holders(fx, everything);

	held = find(fx, IPC_SPACE_SHM, IPC_NS, 5);
	assert_path(held, "/SYSV0052e2c1 (deleted)");
	assert_true(held->shared);
	hold = ipc_holders_hold(fx->holders, held, NULL);
	assert_true(hold->attach);
	assert_int_equal(hold->fd, -1);
	assert_int_equal(hold->addr, 0x2000);
	assert_int_equal(hold->access, 3);
	held = find(fx, IPC_SPACE_MEMFD, INTERNAL, 5);
	assert_path(held, "/memfd:five (deleted)");
	hold = ipc_holders_hold(fx->holders, held, NULL);
	assert_false(hold->attach);
	assert_int_equal(hold->pages * sysconf(_SC_PAGESIZE), 0x2000);
	assert_non_null(find(fx, IPC_SPACE_ANON, INTERNAL, 1030));
	assert_non_null(find(fx, IPC_SPACE_ANON, INTERNAL, 1031));
	held = find(fx, IPC_SPACE_FILE, makedev(0, 25), 60);
	assert_path(held, "/dev/shm/private");
	assert_false(held->shared);
	held = find(fx, IPC_SPACE_FILE, makedev(8, 1), 51);
	assert_path(held, "/var/lib/with\nnewline");
	assert_int_equal(held->count, 2);
	assert_int_equal(held->mode, 0);
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 6);
}

static void test_names_that_pretend(void **state)
{
	static const char names[] =
		/* on a disk */
		"1000-2000 rw-s 00000000 08:01 5                        /SYSV00000000 (deleted)\n"
		/* on /dev/shm as tree_host() has it */
		"2000-3000 rw-s 00000000 00:19 6                        /SYSV00000000 (deleted)\n"
		/* mounted in this process's namespace alone */
		"3000-4000 rw-s 00000000 00:63 7                        /memfd:x (deleted)\n"
		"4000-5000 rw-s 00000000 00:63 8                        /dev/zero (deleted)\n"
		/* mounted nowhere: the kernel's own */
		"5000-6000 rw-s 00000000 00:0f 9                        /anon_hugepage (deleted)\n"
		"6000-7000 rw-s 00000000 00:0f 10                       /SYSV00000001 (deleted)\n";
	struct fixture *fx = *state;

	add_process(fx, 101);
	set_maps(fx, "101", names);
	tree_write(&fx->tree, "proc/101/mountinfo", "900 1 0:99 / / rw - tmpfs tmpfs rw\n");
	read_holders(fx, everything);

	assert_int_equal(count_all(fx, IPC_SPACE_MEMFD), 0);
	assert_int_equal(count_all(fx, IPC_SPACE_SHM), 1);
	assert_non_null(find(fx, IPC_SPACE_SHM, IPC_NS, 10));
	assert_int_equal(count_all(fx, IPC_SPACE_ANON), 1);
	assert_non_null(find(fx, IPC_SPACE_ANON, makedev(0, 15), 9));
	assert_path(find(fx, IPC_SPACE_FILE, makedev(8, 1), 5), "/SYSV00000000 (deleted)");
	assert_path(find(fx, IPC_SPACE_FILE, makedev(0, 25), 6), "/SYSV00000000 (deleted)");
	assert_path(find(fx, IPC_SPACE_FILE, makedev(0, 99), 7), "/memfd:x (deleted)");
	assert_path(find(fx, IPC_SPACE_FILE, makedev(0, 99), 8), "/dev/zero (deleted)");
}

static void test_segments_of_two_namespaces(void **state)
{
	struct fixture *fx = *state;

	add_process(fx, 101);
	tree_process(&fx->tree, 102, "other", 1000, 0);
	tree_link(&fx->tree, "proc/102/ns/ipc", "ipc:[4026532999]");
	set_maps(fx, "101", "2000-3000 rw-s 00000000 00:01 0                        /SYSV00000000 (deleted)\n");
	set_maps(fx, "102", "2000-3000 rw-s 00000000 00:01 0                        /SYSV00000000 (deleted)\n");
	read_holders(fx, everything);
	assert_int_equal(find(fx, IPC_SPACE_SHM, IPC_NS, 0)->count, 1);
	assert_int_equal(find(fx, IPC_SPACE_SHM, 4026532999u, 0)->count, 1);
}

/*
 * btrfs: stat() gives each subvolume a device of its own; the mount of the process's own namespace has that of the
 * superblock.
 */
static void test_device_by_mount_of_the_process(void **state)
{
	struct fixture *fx = *state;
	struct ipc_superblocks *superblocks;

	add_process(fx, 101);
	tree_write(&fx->tree, "proc/101/mountinfo", "64 43 0:39 / /mnt rw,relatime - btrfs /dev/loop0 rw,subvol=/\n");
	add_fd(fx, "101", 3, "/mnt/sub/fifo", "pos:\t0\nflags:\t0100002\nmnt_id:\t64\nino:\t257\n");
	add_fd(fx, "101", 4, "/gone", "pos:\t0\nflags:\t0100002\nmnt_id:\t65\nino:\t257\n");
	assert_int_equal(ipc_superblocks_new(fx->ctx, &superblocks), 0);
	assert_int_equal(ipc_superblocks_device(superblocks, makedev(0, 41), 101, "101", "3"), makedev(0, 39));
	/* a mount that no table has */
	assert_int_equal(ipc_superblocks_device(superblocks, makedev(0, 41), 101, "101", "4"), makedev(0, 41));
	/* closed meanwhile */
	assert_int_equal(ipc_superblocks_device(superblocks, makedev(0, 41), 101, "101", "5"), makedev(0, 41));
	ipc_superblocks_free(superblocks);
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

/* The first thread has ended; the others live on with the fds and the memory. */
static void test_threads_without_their_leader(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_held *held;

	add_process(fx, 101);
	tree_write(&fx->tree, "proc/101/task/101/comm", "x\n");
	set_maps(fx, "101", "");
	add_fd(fx, "101/task/102", 4, "socket:[80]", "flags:\t02\n");
	add_fd(fx, "101/task/103", 4, "socket:[80]", "flags:\t02\n");
	set_maps(fx, "101/task/102",
		 "2000-3000 rw-s 00000000 00:01 9                        /SYSV00000000 (deleted)\n");
	set_maps(fx, "101/task/103",
		 "2000-3000 rw-s 00000000 00:01 9                        /SYSV00000000 (deleted)\n");
	read_holders(fx, everything);
	held = find(fx, IPC_SPACE_SOCKET, 0, 80);
	assert_non_null(held);
	assert_int_equal(held->count, 1);
	assert_int_equal(ipc_holders_hold(fx->holders, held, NULL)->process->pid, 101);
	held = find(fx, IPC_SPACE_SHM, IPC_NS, 9);
	assert_non_null(held);
	assert_int_equal(held->count, 1);
}

static void test_process_that_vanished(void **state)
{
	struct fixture *fx = *state;
	int error = 0;

	add_process(fx, 101);
	add_process(fx, 102);
	add_fd(fx, "102", 3, "socket:[80]", "flags:\t02\n");
	read_holders(fx, everything);
	assert_int_equal(ipc_holders_hidden(fx->holders, &error), 0);
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 1);
}

static bool holds_pipe(const struct ipc_holders *holders, uint64_t inode, int64_t pid)
{
	const struct ipc_held *held = ipc_holders_find(holders, (struct ipc_key){IPC_SPACE_PIPE, 0, inode});
	const struct ipc_hold *hold = NULL;

	while (held && (hold = ipc_holders_hold(holders, held, hold)))
		if (hold->process->pid == pid)
			return true;
	return false;
}

/* On the live /proc: who came after the listing is in each index, though the first met it before. */
static void test_newcomer_in_each_index(void **state)
{
	const struct ipc_holders_want want = {.spaces = IPC_SPACE_BIT(IPC_SPACE_PIPE)};
	struct ipc_processes *processes;
	struct ipc_holders *holders;
	struct ipc_ctx *ctx;
	struct stat st;
	int fds[2], i;
	pid_t pid;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_int_equal(ipc_processes_new(ctx, 0, &processes), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fstat(fds[0], &st), 0);
	pid = fork();
	if (pid == 0) {
		char byte;

		/* Until the parent closes its end, or has ended. */
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) != 0);
	}
	assert_true(pid > 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(ipc_holders_new(ctx, IPC_HOLDERS_PROC, &want, processes, &holders), 0);
		assert_true(holds_pipe(holders, st.st_ino, getpid()));
		assert_true(holds_pipe(holders, st.st_ino, pid));
		ipc_holders_free(holders);
	}
	close(fds[0]);
	close(fds[1]);
	waitpid(pid, NULL, 0);
	ipc_processes_free(processes);
	ipc_ctx_unref(ctx);
}

static void test_list(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_holder *holder;
	struct ipc_arena arena = {0};
	struct ipc_list list;

	add_process(fx, 101);
	add_fd(fx, "101", 3, "/memfd:m (deleted)", "flags:\t02\nmnt_id:\t2\nino:\t5\n");
	set_maps(fx, "101",
		 "3000-5000 r--s 00000000 00:01 5                        /memfd:m (deleted)\n"
		 "5000-6000 r--s 00000000 00:01 6                        /SYSV00000000 (deleted)\n");
	read_holders(fx, everything);

	list = ipc_holders_list(fx->holders, (struct ipc_key){IPC_SPACE_MEMFD, INTERNAL, 5}, &arena);
	assert_int_equal(list.count, 2);
	holder = list.items;
	assert_int_equal(holder[0].pid, 101);
	assert_int_equal(holder[0].uid, 500);
	assert_memory_equal(holder[0].comm.data, "a) b (c", 7);
	assert_memory_equal(holder[0].how.data, "map", 4);
	assert_memory_equal(holder[0].access.data, "r", 2);
	assert_int_equal(holder[0].addr, 0x3000);
	assert_true(holder[0].fd == IPC_UNKNOWN_INT);
	assert_memory_equal(holder[1].how.data, "fd", 3);
	assert_memory_equal(holder[1].access.data, "rw", 3);
	assert_int_equal(holder[1].fd, 3);
	assert_true(holder[1].addr == IPC_UNKNOWN);
	list = ipc_holders_list(fx->holders, (struct ipc_key){IPC_SPACE_SHM, IPC_NS, 6}, &arena);
	assert_memory_equal(((const struct ipc_holder *)list.items)->how.data, "attach", 7);
	list = ipc_holders_list(fx->holders, (struct ipc_key){IPC_SPACE_SHM, IPC_NS, 7}, &arena);
	assert_non_null(list.items);
	assert_int_equal(list.count, 0);
	ipc_arena_release(&arena);
}

static void test_bpf_needs_a_live_kernel(void **state)
{
	struct fixture *fx = *state;
	struct ipc_holders *holders = NULL;

	assert_int_equal(ipc_processes_new(fx->ctx, 0, &fx->processes), 0);
	assert_int_equal(ipc_holders_new(fx->ctx, IPC_HOLDERS_BPF, &everything, fx->processes, &holders), -ENOTSUP);
	assert_null(holders);
	assert_true(*ipc_ctx_error(fx->ctx));
}

/* ---- the index alone --------------------------------------------------------------------------------------------- */

static void test_index_keeps_every_object(void **state)
{
	struct fixture *fx = *state;
	struct ipc_process process = {.pid = 7};
	struct ipc_holders_seen seen = {.process = &process, .access = 1};
	const uint64_t count = 100000;
	const struct ipc_held *held;
	uint64_t i;
	size_t at = 0;

	read_holders(fx, everything);
	assert_int_equal(count_all(fx, IPC_SPACE_NONE), 0);
	for (i = 0; i < count; i++) {
		seen.key = (struct ipc_key){i % 2 ? IPC_SPACE_SOCKET : IPC_SPACE_PIPE, 0, i / 2};
		seen.fd = (int32_t)i;
		assert_int_equal(ipc_holders_add(fx->holders, &seen), 0);
		assert_int_equal(ipc_holders_add(fx->holders, &seen), 0); /* twice is once */
	}
	for (i = 0; i < count; i++) {
		held = find(fx, i % 2 ? IPC_SPACE_SOCKET : IPC_SPACE_PIPE, 0, i / 2);
		assert_non_null(held);
		assert_int_equal(held->count, 1);
		assert_int_equal(ipc_holders_hold(fx->holders, held, NULL)->fd, i);
	}
	for (i = 0; (held = ipc_holders_next(fx->holders, IPC_SPACE_NONE, &at)); i++)
		assert_int_equal(held->key.inode, i / 2); /* in the order first seen */
	assert_int_equal(i, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pipe_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_ends_are_sorted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unwanted_spaces_and_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo_by_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memfd_by_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_that_pretend, setup, teardown),
		cmocka_unit_test_setup_teardown(test_segments_of_two_namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_device_by_mount_of_the_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads_without_their_leader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_process_that_vanished, setup, teardown),
		cmocka_unit_test(test_newcomer_in_each_index),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bpf_needs_a_live_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_index_keeps_every_object, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
