/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process list: hostile names, start times, uids, processes that come and go. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/record.h"
#include "sources/processes.h"
#include "tree.h"

#define BOOT 1700000000ll
#define SECOND 1000000000ll

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_processes *processes;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tree_make(&f->tree);
	tree_host(&f->tree, BOOT);
	*state = f;
	return ipc_ctx_new(&f->ctx) || ipc_ctx_set_root(f->ctx, f->tree.root);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ipc_processes_free(f->processes);
	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static void list(struct fixture *f, int64_t only)
{
	ipc_processes_free(f->processes);
	f->processes = NULL;
	assert_int_equal(ipc_processes_new(f->ctx, only, &f->processes), 0);
}

static void assert_comm(struct fixture *f, int64_t pid, const char *comm, size_t len)
{
	struct ipc_process *process = ipc_processes_find(f->processes, pid);

	assert_non_null(process);
	assert_int_equal(process->comm.len, len);
	assert_memory_equal(process->comm.data, comm, len);
	assert_int_equal(process->started, BOOT * SECOND + 12 * SECOND + SECOND / 2);
	assert_int_equal(process->uid, 1000);
}

static void comm_may_hold_anything(void **state)
{
	static const char *const names[] = {"a) b (c",     "x\n9 (y) R 1 1 1", "",     "((", "))",
					    ") S 1 1 1 1", "\xff\xfe\x1b[31m", "\t \""};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tree_process(&f->tree, 100 + (int)i, names[i], (unsigned long long)sysconf(_SC_CLK_TCK) * 25 / 2, 1000);
	list(f, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_comm(f, 100 + (int64_t)i, names[i], strlen(names[i]));
}

static void only_numbers_are_processes(void **state)
{
	static const char *const others[] = {"proc/4711x/stat", "proc/012/stat",         "proc/0/stat",
					     "proc/-5/stat",    "proc/99999999999/stat", "proc/2147483648/stat",
					     "proc/sys/stat"};
	static const int pids[] = {300, 7, 2147483647, 45, 1};
	struct fixture *f = *state;
	int64_t last = 0;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		tree_write(&f->tree, others[i], "1 (x) S\n");
	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++)
		tree_process(&f->tree, pids[i], "x", 1, 0);
	list(f, 0);
	assert_int_equal(ipc_processes_count(f->processes), 5);
	for (size_t i = 0; i < 5; i++) {
		const struct ipc_process *process = ipc_processes_peek(f->processes, i);

		assert_true(process->pid > last);
		assert_null(process->comm.data);
		last = process->pid;
		assert_non_null(ipc_processes_get(f->processes, i)->comm.data);
	}
	assert_null(ipc_processes_get(f->processes, 5));
	assert_null(ipc_processes_find(f->processes, 0));
	assert_null(ipc_processes_find(f->processes, -1));
	assert_null(ipc_processes_find(f->processes, 1ll << 40));
	assert_null(ipc_processes_find(f->processes, 46));
}

static void broken_texts_leave_unknowns(void **state)
{
	struct fixture *f = *state;
	struct ipc_process *process;

	tree_write(&f->tree, "proc/10/stat", "10 (no end");
	tree_write(&f->tree, "proc/11/stat", "");
	tree_write(&f->tree, "proc/12/stat", "12 (short) S 1 1");
	tree_write(&f->tree, "proc/13/stat",
		   "13 (far) S 1 1 1 0 -1 0 1 1 1 1 1 1 1 1 20 0 1 0 18446744073709551615 1\n");
	tree_write(&f->tree, "proc/13/status", "Name:\tUid:\\n\nUid:\t1000\t1000\n");
	list(f, 0);
	for (int64_t pid = 10; pid <= 13; pid++) {
		process = ipc_processes_find(f->processes, pid);
		assert_non_null(process);
		assert_int_equal(process->started, IPC_UNKNOWN_INT);
		assert_true(process->uid == IPC_UNKNOWN);
		assert_true((process->comm.data != NULL) == (pid >= 12));
	}
}

static void without_a_boot_time(void **state)
{
	struct fixture *f = *state;

	tree_write(&f->tree, "proc/stat", "cpu 1 2 3\n");
	tree_process(&f->tree, 10, "x", 100, 0);
	list(f, 0);
	assert_int_equal(ipc_processes_find(f->processes, 10)->started, IPC_UNKNOWN_INT);
}

static void load_adds_the_namespace(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 10, "x", 100, 5);
	tree_process(&f->tree, 11, "y", 100, 5);
	tree_link(&f->tree, "proc/10/ns/ipc", "ipc:[4026532000]");
	list(f, 0);
	assert_int_equal(ipc_processes_load(f->processes, ipc_processes_peek(f->processes, 0)), 0);
	assert_int_equal(ipc_processes_peek(f->processes, 0)->ipc_ns, 4026532000u);
	assert_int_equal(ipc_processes_load(f->processes, ipc_processes_peek(f->processes, 1)), 0);
	assert_int_equal(ipc_processes_peek(f->processes, 1)->ipc_ns, 0);
}

/* PID/status has it too, with newlines and backslashes escaped; where it does not, PID/stat is left. */
static void name_is_in_the_status(void **state)
{
	struct fixture *f = *state;
	struct ipc_process *process;

	tree_write(&f->tree, "proc/10/status", "Name:\ta\\\\n\\nUid:\\t0\nUid:\t1000\t0\t0\t0\n");
	tree_write(&f->tree, "proc/11/stat", "11 (un)known) S 1 1");
	tree_write(&f->tree, "proc/11/status", "Uid:\t0\nUid:\t1000\t0\t0\t0\n");
	list(f, 0);
	process = ipc_processes_lookup(f->processes, 10);
	assert_null(process->comm.data);
	ipc_processes_name(f->processes, process);
	assert_int_equal(process->uid, 1000);
	assert_int_equal(process->comm.len, strlen("a\\n\nUid:\\t0"));
	assert_memory_equal(process->comm.data, "a\\n\nUid:\\t0", process->comm.len);
	process = ipc_processes_lookup(f->processes, 11);
	ipc_processes_name(f->processes, process);
	assert_int_equal(process->uid, 1000);
	assert_int_equal(process->comm.len, strlen("un)known"));
	assert_int_equal(process->started, IPC_UNKNOWN_INT);
	assert_null(ipc_processes_lookup(f->processes, 12));
}

static void one_alone(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 10, "x", 100, 5);
	tree_process(&f->tree, 11, "y", 100, 6);
	list(f, 11);
	assert_int_equal(ipc_processes_count(f->processes), 1);
	assert_int_equal(ipc_processes_get(f->processes, 0)->uid, 6);
	list(f, 12);
	assert_int_equal(ipc_processes_count(f->processes), 0);
	/* A number that belongs to a thread only can be looked up in /proc too. */
	tree_process(&f->tree, 13, "thread", 100, 5);
	tree_write(&f->tree, "proc/13/status", "Name:\tthread\nTgid:\t10\nPid:\t13\nUid:\t5\t5\t5\t5\n");
	list(f, 13);
	assert_int_equal(ipc_processes_count(f->processes), 0);
}

/* Who is younger than the list must not be taken for dead; who has gone is kept with what is known. */
static void coming_and_going(void **state)
{
	struct fixture *f = *state;
	struct ipc_process *late;
	char path[128];

	tree_process(&f->tree, 10, "gone", 100, 5);
	list(f, 0);
	tree_process(&f->tree, 11, "late", 100, 6);
	tree_process(&f->tree, 12, "thread", 100, 6);
	tree_write(&f->tree, "proc/12/status", "Name:\tthread\nTgid:\t11\nPid:\t12\nUid:\t6\t6\t6\t6\n");
	late = ipc_processes_find(f->processes, 11);
	assert_non_null(late);
	assert_int_equal(late->uid, 6);
	assert_ptr_equal(ipc_processes_find(f->processes, 11), late);
	assert_null(ipc_processes_find(f->processes, 12));
	assert_int_equal(ipc_processes_count(f->processes), 1);

	snprintf(path, sizeof(path), "%s/proc/10/stat", f->tree.root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/proc/10/status", f->tree.root);
	unlink(path);
	assert_int_equal(ipc_processes_load(f->processes, ipc_processes_peek(f->processes, 0)), -ENOENT);
	assert_null(ipc_processes_find(f->processes, 10)->comm.data);
}

static void uids(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 1, "init", 1, 0);
	tree_process(&f->tree, 10, "x", 1, 1000);
	tree_process(&f->tree, 11, "setuid", 1, 1000);
	tree_write(&f->tree, "proc/11/status", "Name:\tUid:\\n\nUid:\t1000\t2000\t3000\t4294967294\n");
	list(f, 0);
	assert_int_equal(ipc_processes_have_uid(f->processes, 0), 1);
	assert_int_equal(ipc_processes_have_uid(f->processes, 1000), 1);
	assert_int_equal(ipc_processes_have_uid(f->processes, 2000), 1);
	assert_int_equal(ipc_processes_have_uid(f->processes, 3000), 1);
	assert_int_equal(ipc_processes_have_uid(f->processes, 4294967294u), 1);
	assert_int_equal(ipc_processes_have_uid(f->processes, 4000), 0);
}

/* Processes that are not shown may belong to anybody. */
static void uids_with_hidden_processes(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 10, "x", 1, 1000);
	list(f, 0);
	assert_int_equal(ipc_processes_have_uid(f->processes, 1000), 1);
	assert_int_equal(ipc_processes_have_uid(f->processes, 4000), -EACCES);
	/* ... and so may one whose status cannot be made sense of. */
	tree_process(&f->tree, 1, "init", 1, 0);
	tree_write(&f->tree, "proc/12/status", "Name:\tx\n");
	list(f, 0);
	assert_int_equal(ipc_processes_have_uid(f->processes, 4000), -EACCES);
}

/* ---- numbers in inner pid namespaces ----------------------------------------------------------------------------- */

/* @numbers: as the kernel writes them, the one in /proc's own namespace first; behind @groups of them. */
static void add_numbered(struct fixture *f, int pid, const char *numbers, size_t groups)
{
	char *text = malloc(256 + 8 * groups);
	char path[64];
	int len;

	tree_process(&f->tree, pid, "x", 100, 5);
	len = sprintf(text, "Name:\t\\nNSpid:\\t77\nTgid:\t%d\nPid:\t%d\nUid:\t5\t5\t5\t5\nGroups:\t", pid, pid);
	while (groups--)
		len += sprintf(text + len, "1234567 ");
	sprintf(text + len, "\nNStgid:\t78\nNSpid:%s\nNSpgid:\t79\n", numbers);
	snprintf(path, sizeof(path), "proc/%d/status", pid);
	tree_write(&f->tree, path, text);
	free(text);
}

static void unlink_status(struct fixture *f, int pid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/proc/%d/status", f->tree.root, pid);
	unlink(path);
}

static void assert_inner(struct fixture *f, int64_t number, int64_t pid)
{
	struct ipc_process *process = NULL;
	int r = ipc_processes_find_inner(f->processes, number, IPC_UNKNOWN_INT, &process);

	assert_int_equal(r, pid != 0);
	if (pid)
		assert_int_equal(process->pid, pid);
	else
		assert_null(process);
}

static void inner_numbers(void **state)
{
	struct fixture *f = *state;

	add_numbered(f, 1, "\t1", 0);
	add_numbered(f, 20, "\t20\t7", 0);
	add_numbered(f, 21, "\t21\t8\t1", 3000); /* far beyond a page */
	add_numbered(f, 22, "\t22\t7", 0);
	add_numbered(f, 23, "\t23\tx", 0);
	tree_process(&f->tree, 24, "without pid namespaces", 100, 5);
	list(f, 0);
	assert_inner(f, 7, 20); /* the first of two */
	assert_inner(f, 8, 21);
	assert_inner(f, 1, 21); /* not the first process of /proc itself */
	assert_inner(f, 20, 0);
	assert_inner(f, 77, 0);
	assert_inner(f, 78, 0);
	assert_inner(f, 79, 0);
	assert_inner(f, 0, 0);
	/* What was read is loaded for the caller. */
	assert_non_null(ipc_processes_find(f->processes, 21)->comm.data);
}

/* The link to its namespace makes the status of most processes unnecessary. */
static void inner_numbers_by_namespace(void **state)
{
	struct fixture *f = *state;

	tree_process(&f->tree, 1, "init", 1, 0);
	tree_link(&f->tree, "proc/1/ns/pid", "pid:[4026531836]");
	add_numbered(f, 20, "\t20\t7", 0);
	tree_link(&f->tree, "proc/20/ns/pid", "pid:[4026531836]");
	add_numbered(f, 21, "\t21\t8", 0);
	tree_link(&f->tree, "proc/21/ns/pid", "pid:[4026532999]");
	list(f, 0);
	assert_inner(f, 7, 0);
	assert_inner(f, 8, 21);
}

static void inner_numbers_of_hidden_processes(void **state)
{
	struct ipc_process *process = NULL;
	struct fixture *f = *state;

	add_numbered(f, 20, "\t20\t7", 0);
	list(f, 0);
	/* There is no process 1, so more is not shown. */
	assert_true(ipc_processes_hide(f->processes));
	assert_int_equal(ipc_processes_find_inner(f->processes, 8, IPC_UNKNOWN_INT, &process), -EACCES);
	assert_null(process);
	assert_inner(f, 7, 20);
	/* A single one tells nothing of the others. */
	add_numbered(f, 1, "\t1", 0);
	list(f, 20);
	assert_int_equal(ipc_processes_find_inner(f->processes, 8, IPC_UNKNOWN_INT, &process), -EACCES);
	/* One whose status cannot be read may be anybody. */
	list(f, 0);
	assert_false(ipc_processes_hide(f->processes));
	tree_process(&f->tree, 30, "x", 100, 5);
	unlink_status(f, 30);
	tree_link(&f->tree, "proc/30/status", "status"); /* ELOOP */
	list(f, 0);
	assert_int_equal(ipc_processes_find_inner(f->processes, 8, IPC_UNKNOWN_INT, &process), -EACCES);
}

/* Who came after they were read counts for what was used since, and is looked for no more than that takes. */
static void inner_numbers_of_newcomers(void **state)
{
	struct ipc_process *process = NULL;
	struct fixture *f = *state;
	struct timespec now;
	int64_t time;

	add_numbered(f, 1, "\t1", 0);
	list(f, 0);
	/* One that came between the listing and the first question. */
	add_numbered(f, 20, "\t20\t7", 0);
	assert_inner(f, 7, 20);
	add_numbered(f, 21, "\t21\t8", 0);
	clock_gettime(CLOCK_REALTIME, &now);
	time = now.tv_sec * SECOND + (now.tv_nsec ? now.tv_nsec : 1);
	assert_inner(f, 8, 0);
	assert_int_equal(ipc_processes_find_inner(f->processes, 8, time - 60 * SECOND, &process), 0);
	assert_int_equal(ipc_processes_find_inner(f->processes, 8, time, &process), 1);
	assert_int_equal(process->pid, 21);
	/* Whole seconds may stand for any time in them. */
	add_numbered(f, 22, "\t22\t9", 0);
	assert_int_equal(ipc_processes_find_inner(f->processes, 9, (now.tv_sec - 1) * SECOND, &process), 1);
}

static int greet(struct ipc_process *process, void *data)
{
	int64_t *sum = data;

	*sum += process->pid;
	return 0;
}

static void assert_newcomers(struct fixture *f, size_t *met, int count, int64_t sum)
{
	int64_t got = 0;

	assert_int_equal(ipc_processes_newcomers(f->processes, met, greet, &got), count);
	assert_int_equal(got, sum);
}

/* Each reader meets those that came since the listing once, whoever met them before. */
static void newcomers_of_several_readers(void **state)
{
	struct ipc_process *met[300];
	struct fixture *f = *state;
	size_t first = 0, second = 0, last = 0;

	tree_process(&f->tree, 10, "x", 100, 5);
	list(f, 0);
	assert_false(ipc_processes_alone(f->processes));
	assert_newcomers(f, &first, 0, 0);
	tree_process(&f->tree, 20, "x", 100, 5);
	assert_newcomers(f, &first, 1, 20);
	assert_newcomers(f, &first, 0, 0);
	assert_newcomers(f, &second, 1, 20);
	tree_process(&f->tree, 15, "x", 100, 5);
	assert_non_null(ipc_processes_lookup(f->processes, 15));
	assert_newcomers(f, &second, 1, 15);
	assert_newcomers(f, &first, 1, 15);
	for (int i = 0; i < 300; i++) {
		tree_process(&f->tree, 100 + 7 * i % 300, "x", 100, 5);
		if (i % 2)
			met[7 * i % 300] = ipc_processes_lookup(f->processes, 100 + 7 * i % 300);
	}
	assert_newcomers(f, &last, 302, 15 + 20 + 300 * 100 + 299 * 150);
	assert_newcomers(f, &first, 300, 300 * 100 + 299 * 150);
	for (int i = 0; i < 300; i++) {
		struct ipc_process *process = ipc_processes_lookup(f->processes, 100 + 7 * i % 300);

		assert_int_equal(process->pid, 100 + 7 * i % 300);
		assert_true(i % 2 == 0 || process == met[7 * i % 300]);
	}
	assert_int_equal(ipc_processes_count(f->processes), 1);
	list(f, 10);
	assert_true(ipc_processes_alone(f->processes));
}

/* On the live /proc: this very process, started a moment ago. */
static void live(void **state)
{
	struct ipc_processes *processes;
	struct ipc_process *self;
	struct timespec now;
	struct ipc_ctx *ctx;
	int64_t age;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_int_equal(ipc_processes_new(ctx, 0, &processes), 0);
	self = ipc_processes_find(processes, getpid());
	assert_non_null(self);
	assert_int_equal(self->uid, getuid());
	clock_gettime(CLOCK_REALTIME, &now);
	age = now.tv_sec * SECOND + now.tv_nsec - self->started;
	assert_true(age >= -SECOND / 10 && age < 600 * SECOND);
	assert_int_equal(ipc_processes_have_uid(processes, getuid()), 1);
	ipc_processes_free(processes);
	ipc_ctx_unref(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comm_may_hold_anything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_numbers_are_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(broken_texts_leave_unknowns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_boot_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(load_adds_the_namespace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(name_is_in_the_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(coming_and_going, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uids_with_hidden_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inner_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inner_numbers_by_namespace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inner_numbers_of_hidden_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inner_numbers_of_newcomers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(newcomers_of_several_readers, set_up, tear_down),
		cmocka_unit_test(live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
