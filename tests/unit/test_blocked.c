/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocked tasks of a captured tree: what each system call waits on, what is left alone, what counts as hidden. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/record.h"
#include "sources/blocked.h"
#include "tree.h"

#define EVERYTHING (~0u)
#define IPC_NS 4026532000u
#define HIGH_STACK 0x7ffd810a0830ull
#define WORDS 0x10000 /* where the tests put things into a process's memory */

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_processes *processes;
	struct ipc_blocked *blocked;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tree_make(&f->tree);
	tree_host(&f->tree, 1700000000);
	*state = f;
	return ipc_ctx_new(&f->ctx) || ipc_ctx_set_root(f->ctx, f->tree.root);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ipc_blocked_free(f->blocked);
	ipc_processes_free(f->processes);
	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

/* ---- making tasks ---------------------------------------------------------------------------------------------- */

static void write_task(struct fixture *f, int pid, int tid, const char *file, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), "proc/%d/task/%d/%s", pid, tid, file);
	tree_write(&f->tree, path, text);
}

static void make_process(struct fixture *f, int pid)
{
	char path[64];

	tree_process(&f->tree, pid, "a) b (c", 100, 1000);
	snprintf(path, sizeof(path), "proc/%d/ns/ipc", pid);
	tree_link(&f->tree, path, "ipc:[4026532000]");
}

static void block_thread(struct fixture *f, int pid, int tid, long number, uint64_t a, uint64_t b, uint64_t c,
			 uint64_t stack)
{
	char line[256];

	snprintf(line, sizeof(line), "%ld 0x%llx 0x%llx 0x%llx 0x0 0x0 0x0 0x%llx 0x7f1547145011\n", number,
		 (unsigned long long)a, (unsigned long long)b, (unsigned long long)c, (unsigned long long)stack);
	write_task(f, pid, tid, "syscall", line);
}

static void block(struct fixture *f, int pid, long number, uint64_t a, uint64_t b, uint64_t c)
{
	make_process(f, pid);
	block_thread(f, pid, pid, number, a, b, c, HIGH_STACK);
}

static void give_fd(struct fixture *f, int pid, int fd, const char *target)
{
	char path[96];

	snprintf(path, sizeof(path), "proc/%d/task/%d/fd/%d", pid, pid, fd);
	tree_link(&f->tree, path, target);
}

static void give_memory(struct fixture *f, int pid, const void *data, size_t size)
{
	char path[96], text[WORDS + 8192] = {0};

	assert_true(size <= 8192);
	memcpy(text + WORDS, data, size);
	snprintf(path, sizeof(path), "proc/%d/mem", pid);
	tree_write_bytes(&f->tree, path, text, WORDS + size);
}

static void scan(struct fixture *f, unsigned spaces, size_t count)
{
	ipc_blocked_free(f->blocked);
	ipc_processes_free(f->processes);
	f->blocked = NULL;
	f->processes = NULL;
	assert_int_equal(ipc_processes_new(f->ctx, 0, &f->processes), 0);
	assert_int_equal(ipc_blocked_new(f->ctx, f->processes, spaces, &f->blocked), 0);
	assert_int_equal(ipc_blocked_count(f->blocked), count);
	assert_null(ipc_blocked_get(f->blocked, count));
}

static void assert_task(struct fixture *f, size_t index, enum ipc_space space, uint64_t device, uint64_t inode,
			const char *why)
{
	const struct ipc_blocked_task *task = ipc_blocked_get(f->blocked, index);

	assert_non_null(task);
	assert_int_equal(task->key.space, space);
	assert_int_equal(task->key.device, device);
	assert_int_equal(task->key.inode, inode);
	assert_int_equal(task->why.len, strlen(why));
	assert_memory_equal(task->why.data, why, task->why.len);
	assert_int_equal(task->comm.len, 7);
	assert_memory_equal(task->comm.data, "a) b (c", 7);
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static void descriptors_lead_to_pipes_and_sockets(void **state)
{
	struct fixture *f = *state;

	block(f, 10, SYS_read, 3, 0, 100);
	give_fd(f, 10, 3, "pipe:[12345]");
	block(f, 11, SYS_writev, 4, 0, 1);
	give_fd(f, 11, 4, "pipe:[12345]");
	block(f, 12, SYS_accept4, 5, 0, 0);
	give_fd(f, 12, 5, "socket:[18446744073709551615]");
	block(f, 13, SYS_read, 6, 0, 1);
	give_fd(f, 13, 6, "anon_inode:[eventfd]");
	block(f, 14, SYS_read, 7, 0, 1); /* closed meanwhile */
	block(f, 15, SYS_splice, 0, 0, 1);
	give_fd(f, 15, 0, "anon_inode:[io_uring]");
	give_fd(f, 15, 1, "pipe:[7]");
	scan(f, EVERYTHING, 4);
	assert_task(f, 0, IPC_SPACE_PIPE, 0, 12345, "read");
	assert_task(f, 1, IPC_SPACE_PIPE, 0, 12345, "write");
	assert_task(f, 2, IPC_SPACE_SOCKET, 0, UINT64_MAX, "accept");
	assert_task(f, 3, IPC_SPACE_PIPE, 0, 7, "splice");
	scan(f, IPC_SPACE_BIT(IPC_SPACE_SOCKET), 1);
	assert_task(f, 0, IPC_SPACE_SOCKET, 0, UINT64_MAX, "accept");
	scan(f, IPC_SPACE_BIT(IPC_SPACE_MSG), 0);
	assert_int_equal(ipc_blocked_hidden(f->blocked), 0);
}

static void who_is_not_in_a_system_call_waits_for_nothing(void **state)
{
	static const char *const lines[] = {
		"running\n",
		"-1 0x7ffd810a0830 0x7f1547145011\n",
		"0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n",
		"",
		"\n",
		"0",
		"0 0x3 0x4",
		"99999999999999999999 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffd810a0830 0x1\n",
	};
	struct fixture *f = *state;

	for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])); i++) {
		make_process(f, 10 + i);
		give_fd(f, 10 + i, 3, "pipe:[1]");
		give_fd(f, 10 + i, 0, "pipe:[1]");
		write_task(f, 10 + i, 10 + i, "syscall", lines[i]);
	}
	scan(f, EVERYTHING, 0);
	assert_int_equal(ipc_blocked_hidden(f->blocked), 0);
}

static void tasks_of_one_key_come_by_pid(void **state)
{
	struct ipc_key key = {IPC_SPACE_PIPE, 0, 8}, other = {IPC_SPACE_PIPE, 0, 9}, none = {IPC_SPACE_SOCKET, 0, 8};
	struct fixture *f = *state;
	size_t at = 0, seen = 0;
	const struct ipc_blocked_task *task;
	int64_t last = 0;

	for (int pid = 100; pid < 400; pid++) {
		block(f, pid, SYS_read, 0, 0, 1);
		give_fd(f, pid, 0, pid % 3 ? "pipe:[8]" : "pipe:[9]");
	}
	scan(f, EVERYTHING, 300);
	for (; (task = ipc_blocked_next(f->blocked, key, &at)); seen++) {
		assert_true(task->pid > last && task->pid % 3);
		last = task->pid;
	}
	assert_int_equal(seen, 200);
	assert_null(ipc_blocked_next(f->blocked, key, &at));
	for (at = seen = 0; ipc_blocked_next(f->blocked, other, &at); seen++)
		;
	assert_int_equal(seen, 100);
	at = 0;
	assert_null(ipc_blocked_next(f->blocked, none, &at));
}

/* Who came after the processes were listed and was met waits as well, in its place by number; unless one alone was asked for. */
static void latecomers_wait_too(void **state)
{
	const struct ipc_key key = {IPC_SPACE_PIPE, 0, 8};
	const struct ipc_blocked_task *task;
	struct fixture *f = *state;
	size_t at = 0;

	block(f, 20, SYS_read, 0, 0, 1);
	give_fd(f, 20, 0, "pipe:[8]");
	scan(f, EVERYTHING, 1);
	block(f, 10, SYS_read, 0, 0, 1);
	give_fd(f, 10, 0, "pipe:[8]");
	/* As holders do that were read before. */
	assert_non_null(ipc_processes_lookup(f->processes, 10));
	ipc_blocked_free(f->blocked);
	f->blocked = NULL;
	assert_int_equal(ipc_blocked_new(f->ctx, f->processes, EVERYTHING, &f->blocked), 0);
	for (int64_t pid = 10; pid <= 20; pid += 10) {
		task = ipc_blocked_next(f->blocked, key, &at);
		assert_non_null(task);
		assert_int_equal(task->pid, pid);
	}
	assert_null(ipc_blocked_next(f->blocked, key, &at));

	ipc_blocked_free(f->blocked);
	ipc_processes_free(f->processes);
	f->blocked = NULL;
	assert_int_equal(ipc_processes_new(f->ctx, 10, &f->processes), 0);
	assert_non_null(ipc_processes_lookup(f->processes, 20));
	assert_int_equal(ipc_blocked_new(f->ctx, f->processes, EVERYTHING, &f->blocked), 0);
	assert_int_equal(ipc_blocked_count(f->blocked), 1);
}

static void every_thread_is_read(void **state)
{
	struct fixture *f = *state;

	block(f, 10, SYS_read, 9, 0, 1);
	block_thread(f, 10, 11, SYS_msgrcv, 77, 0, 0, HIGH_STACK);
	block_thread(f, 10, 12, SYS_msgsnd, 0xffffffff00000001ull, 0, 0, HIGH_STACK);
	scan(f, EVERYTHING, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct ipc_blocked_task *task = ipc_blocked_get(f->blocked, i);

		assert_int_equal(task->pid, 10);
		if (task->tid == 11)
			assert_task(f, i, IPC_SPACE_MSG, IPC_NS, 77, "msgrcv");
		else
			assert_task(f, i, IPC_SPACE_MSG, IPC_NS, 1, "msgsnd");
	}
}

static void semaphore_operations_are_told(void **state)
{
	static const struct sembuf one[] = {{3, -2, 0}}, zero[] = {{1, 0, 0}}, two[] = {{0, 1, 0}, {5, -32768, 0}};
	struct sembuf many[20];
	struct fixture *f = *state;
	const struct ipc_blocked_task *task;

	for (int i = 0; i < 20; i++)
		many[i] = (struct sembuf){(unsigned short)i, 0, 0};
	block(f, 10, SYS_semtimedop, 4, WORDS, 1);
	give_memory(f, 10, one, sizeof(one));
	block(f, 11, SYS_semop, 4, WORDS, 1);
	give_memory(f, 11, zero, sizeof(zero));
	block(f, 12, SYS_semop, 4, WORDS, 2);
	give_memory(f, 12, two, sizeof(two));
	block(f, 13, SYS_semop, 4, WORDS, 20);
	give_memory(f, 13, many, sizeof(many));
	block(f, 14, SYS_semop, 4, WORDS, 2); /* the array is cut off */
	give_memory(f, 14, one, sizeof(one));
	block(f, 15, SYS_semop, 4, WORDS, UINT64_MAX);
	give_memory(f, 15, one, sizeof(one));
	block(f, 16, SYS_semop, 4, WORDS, 1); /* no memory to read */
	scan(f, EVERYTHING, 7);
	assert_task(f, 0, IPC_SPACE_SEM, IPC_NS, 4, "semop: increase of 2 on [3]");
	task = ipc_blocked_get(f->blocked, 0);
	assert_int_equal(task->index, 3);
	assert_false(task->zero);
	assert_task(f, 1, IPC_SPACE_SEM, IPC_NS, 4, "semop: zero on [1]");
	assert_true(ipc_blocked_get(f->blocked, 1)->zero);
	assert_task(f, 2, IPC_SPACE_SEM, IPC_NS, 4, "semop: decrease of 1 on [0], increase of 32768 on [5]");
	assert_true(ipc_blocked_get(f->blocked, 2)->index == IPC_UNKNOWN_INT);
	assert_task(
		f, 3, IPC_SPACE_SEM, IPC_NS, 4,
		"semop: zero on [0], zero on [1], zero on [2], zero on [3], zero on [4], zero on [5], zero on [6], zero on [7], 12 more");
	for (size_t i = 4; i < 7; i++)
		assert_task(f, i, IPC_SPACE_SEM, IPC_NS, 4, "semop");
}

static void futexes_lead_to_shared_memory(void **state)
{
	static const char maps[] = "10000-11000 rw-s 00002000 00:19 77 /dev/shm/pool\n"
				   "20000-21000 rw-s 00000000 00:01 5 /SYSV00000000 (deleted)\n"
				   "30000-31000 rw-s 00000000 00:01 6 /memfd:x (deleted)\n"
				   "40000-41000 rw-s 00000000 00:01 7 /dev/zero (deleted)\n"
				   "50000-51000 rw-s 00000000 08:01 8 /SYSV00000000 (deleted)\n"
				   "60000-61000 rw-p 00000000 00:00 0 \n"
				   "70000-71000 rw-s 00000000 00:19 9 /SYSV00000000 (deleted)\n"
				   "80000-81000 rw-s 00000000 00:77 10 /anon_hugepage (deleted)\n";
	static const uint64_t addresses[] = {0x10040, 0x20000, 0x30ffc, 0x40000, 0x50000,
					     0x60000, 0x70000, 0x80000, 0x90000};
	struct fixture *f = *state;
	const struct ipc_blocked_task *task;

	for (int i = 0; i < 9; i++) {
		block(f, 10 + i, SYS_futex, addresses[i], FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0);
		write_task(f, 10 + i, 10 + i, "maps", maps);
		write_task(f, 10 + i, 10 + i, "../../mountinfo", "26 25 0:25 / /dev/shm rw - tmpfs tmpfs rw\n");
	}
	block(f, 30, SYS_futex, 0x10040, FUTEX_WAIT_PRIVATE, 0);
	write_task(f, 30, 30, "maps", maps);
	block(f, 31, SYS_futex, 0x10040, FUTEX_WAKE, 0);
	write_task(f, 31, 31, "maps", maps);
	scan(f, EVERYTHING, 7);
	assert_task(f, 0, IPC_SPACE_FILE, makedev(0, 0x19), 77, "futex");
	task = ipc_blocked_get(f->blocked, 0);
	assert_true(task->in_futex);
	assert_int_equal(task->address, 0x10040);
	assert_int_equal(task->offset, 0x2040);
	assert_task(f, 1, IPC_SPACE_SHM, IPC_NS, 5, "futex");
	assert_task(f, 2, IPC_SPACE_MEMFD, makedev(0, 1), 6, "futex");
	assert_int_equal(ipc_blocked_get(f->blocked, 2)->offset, 0xffc);
	assert_task(f, 3, IPC_SPACE_ANON, makedev(0, 1), 7, "futex");
	assert_task(f, 4, IPC_SPACE_FILE, makedev(8, 1), 8, "futex");
	assert_task(f, 5, IPC_SPACE_FILE, makedev(0, 0x19), 9, "futex");
	assert_task(f, 6, IPC_SPACE_ANON, makedev(0, 0x77), 10, "futex");
	scan(f, IPC_SPACE_BIT(IPC_SPACE_MEMFD), 1);
}

static void open_of_a_fifo_has_no_descriptor(void **state)
{
	static const char path[] = "/run/a \n fifo";
	struct fixture *f = *state;
	const struct ipc_blocked_task *task;
	const char *given;
	struct stat st;
	char full[128];

	tree_write(&f->tree, "run/file", "");
	snprintf(full, sizeof(full), "%s%s", f->tree.root, path);
	assert_int_equal(mkfifo(full, 0600), 0);
	assert_int_equal(stat(full, &st), 0);
	for (int pid = 10; pid < 16; pid++) {
		block(f, pid, SYS_openat, (uint64_t)AT_FDCWD, WORDS,
		      pid == 11   ? O_WRONLY
		      : pid == 15 ? O_RDWR
				  : O_RDONLY);
		write_task(f, pid, pid, "wchan",
			   pid == 12   ? "rpc_wait_bit_killable"
			   : pid == 13 ? "0"
				       : "wait_for_partner");
		given = pid == 13 ? "/run/file" : pid == 14 ? "/run/gone" : path;
		give_memory(f, pid, given, strlen(given) + 1);
	}
	scan(f, EVERYTHING, 3);
	assert_task(f, 0, IPC_SPACE_FILE, st.st_dev, st.st_ino, "open for reading");
	task = ipc_blocked_get(f->blocked, 0);
	assert_true(task->in_open);
	assert_int_equal(task->path.len, strlen(path));
	assert_memory_equal(task->path.data, path, strlen(path));
	assert_task(f, 1, IPC_SPACE_FILE, st.st_dev, st.st_ino, "open for writing");
	/* its name is gone, and so is the way to the FIFO: only the path is told */
	assert_task(f, 2, IPC_SPACE_NONE, 0, 0, "open for reading");
	assert_memory_equal(ipc_blocked_get(f->blocked, 2)->path.data, "/run/gone", 9);
}

static void paths_without_an_end_are_given_up(void **state)
{
	struct fixture *f = *state;
	char endless[8192];

	memset(endless, 'a', sizeof(endless));
	block(f, 10, SYS_openat, (uint64_t)AT_FDCWD, WORDS, O_RDONLY);
	write_task(f, 10, 10, "wchan", "wait_for_partner");
	give_memory(f, 10, endless, sizeof(endless));
	block(f, 11, SYS_openat, (uint64_t)AT_FDCWD, WORDS, O_RDONLY);
	write_task(f, 11, 11, "wchan", "wait_for_partner");
	give_memory(f, 11, endless, 100);
	scan(f, EVERYTHING, 0);
}

/* 32-bit programs have other numbers: 3 is their read(), and close() of everybody else. */
static void the_other_word_size_is_hidden_not_misread(void **state)
{
	static const uint32_t narrow[] = {32, 0xf7f00000u, 33, 0xf7f01000u};
	static const uint64_t wide[] = {33, 0x7ffd81100000u, 16, 1};
	struct fixture *f = *state;

	if (sizeof(long) != 8)
		skip();
	for (int pid = 10; pid < 13; pid++) {
		make_process(f, pid);
		block_thread(f, pid, pid, SYS_read, 3, 0, 1, 0xffd00000u);
		give_fd(f, pid, 3, "pipe:[1]");
	}
	tree_write_bytes(&f->tree, "proc/10/auxv", narrow, sizeof(narrow));
	tree_write_bytes(&f->tree, "proc/11/auxv", wide, sizeof(wide)); /* only its stack is low */
	scan(f, EVERYTHING, 1);
	assert_int_equal(ipc_blocked_get(f->blocked, 0)->pid, 11);
	assert_int_equal(ipc_blocked_hidden(f->blocked), 2);
}

static void what_may_not_be_read_is_counted(void **state)
{
	struct fixture *f = *state;
	char path[128];

	if (geteuid() == 0)
		skip();
	block(f, 10, SYS_read, 3, 0, 1);
	block_thread(f, 10, 11, SYS_read, 3, 0, 1, HIGH_STACK);
	for (int tid = 10; tid < 12; tid++) {
		snprintf(path, sizeof(path), "%s/proc/10/task/%d/syscall", f->tree.root, tid);
		assert_int_equal(chmod(path, 0), 0);
	}
	scan(f, EVERYTHING, 0);
	assert_int_equal(ipc_blocked_hidden(f->blocked), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(descriptors_lead_to_pipes_and_sockets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_not_in_a_system_call_waits_for_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tasks_of_one_key_come_by_pid, set_up, tear_down),
		cmocka_unit_test_setup_teardown(latecomers_wait_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_thread_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(semaphore_operations_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(futexes_lead_to_shared_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(open_of_a_fifo_has_no_descriptor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(paths_without_an_end_are_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_other_word_size_is_hidden_not_misread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_may_not_be_read_is_counted, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
