/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was learnt while watching: its file, every fault of it with the line, whom it is believed from, and what it does to a state. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <ipctool/monitor.h>

#include "evidence.h"
#include "model/record.h"
#include "tree.h"

#define BOOT 1700000000LL
#define BOOT_ID "01234567-89ab-cdef-0123-456789abcdef"
#define HEAD "ipctool-evidence=1\nboot=" BOOT_ID "\npid_namespace=4026531836\n"
#define SET "namespace=4026531839 id=7 key=0x00005432 changed=2023-11-14T22:15:00Z time=2023-11-14T22:15:00.5Z"
#define BY(pid, start) " pid=" #pid " start=" #start " uid=500 comm=app\n"

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	tree_make(&fx->tree);
	tree_host(&fx->tree, BOOT);
	tree_write(&fx->tree, "proc/sys/kernel/random/boot_id", BOOT_ID "\n");
	/* changed a hundred seconds after the boot, when 101 lived already and 102 did not */
	tree_write(&fx->tree, "proc/sysvipc/sem",
		   "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
		   "     21554          7   600          1   500   500   500   500          0 1700000100\n"
		   "         0          8   600          1   500   500   500   500          0 1700000100\n");
	tree_process(&fx->tree, 101, "app", 1000, 500);
	tree_process(&fx->tree, 102, "late", 100000, 500);
	assert_int_equal(ipc_ctx_new(&fx->ctx), 0);
	assert_int_equal(ipc_ctx_set_root(fx->ctx, fx->tree.root), 0);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	ipc_ctx_unref(fx->ctx);
	tree_remove(&fx->tree);
	free(fx);
	return 0;
}

static const char *path_of(const struct fixture *fx, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", fx->tree.root, name);
	return path;
}

static int read_text(struct fixture *fx, const char *text)
{
	tree_write(&fx->tree, "file", text);
	assert_int_equal(chmod(path_of(fx, "file"), 0600), 0);
	return ipc_ctx_read_evidence(fx->ctx, path_of(fx, "file"));
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

static void assert_same(const struct ipc_learnt *a, const struct ipc_learnt *b)
{
	assert_int_equal(a->role, b->role);
	assert_true(ipc_key_equal(a->key, b->key));
	assert_int_equal(a->ns, b->ns);
	assert_int_equal(a->sysv_key, b->sysv_key);
	assert_int_equal(a->changed, b->changed);
	assert_int_equal(a->birth, b->birth);
	assert_int_equal(a->time, b->time);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->ticks, b->ticks);
	assert_string_equal(a->comm, b->comm);
}

/* What is written is read again, whatever a process is called. */
static void lines_come_back(void **state)
{
	static const struct ipc_learnt all[] = {
		{
			.role = IPC_LEARNT_CREATED,
			.key = {IPC_SPACE_SEM, 4026531839, 0},
			.ns = 4026531839,
			.sysv_key = 0xfedcba98,
			.changed = 1700000100000000000,
			.birth = IPC_UNKNOWN_INT,
			.time = 1700000100123456789,
			.pid = 4194304,
			.uid = 4294967294,
			.ticks = 12345678901,
			.comm = "a b=c\n\\x20\xff  (",
		},
		{
			.role = IPC_LEARNT_TAKEN,
			.key = {IPC_SPACE_SEM, 1, INT32_MAX},
			.ns = 1,
			.changed = -1500000000,
			.birth = IPC_UNKNOWN_INT,
			.time = 1,
			.pid = 1,
			.ticks = IPC_UNKNOWN,
			.comm = "",
		},
		{
			.role = IPC_LEARNT_TAKEN,
			.key = {IPC_SPACE_FILE, 0xfffffffffff, 9223372036854775809u},
			.ns = 4026531841,
			.birth = 1700000100000000001,
			.time = 1700000100123456789,
			.pid = 2,
			.uid = 0,
			.ticks = 0,
			.comm = "0123456789abcde",
		},
		{
			.role = IPC_LEARNT_CREATED,
			.key = {IPC_SPACE_FILE, 25, 2},
			.ns = 4026531841,
			.birth = IPC_UNKNOWN_INT,
			.time = 1700000100123456789,
			.pid = 2,
			.ticks = IPC_UNKNOWN,
			.comm = " ",
		},
	};
	const struct ipc_learnt_origin origin = {BOOT_ID, 4026531836};
	struct fixture *fx = *state;
	struct ipc_learnt_origin found = {"", 0};
	struct ipc_learnt_list list = {0};
	struct ipc_buf text = {0};
	size_t i, count = sizeof(all) / sizeof(all[0]);

	assert_int_equal(ipc_learnt_print_head(&text, &origin), 0);
	for (i = 0; i < count; i++)
		assert_int_equal(ipc_learnt_print(&text, &all[i]), 0);
	assert_int_equal(ipc_learnt_parse(fx->ctx, text.data, text.len, &found, &list), 0);
	assert_string_equal(found.boot, BOOT_ID);
	assert_int_equal(found.pid_ns, 4026531836);
	assert_int_equal(list.count, count);
	for (i = 0; i < count; i++)
		assert_same(&list.items[i], &all[i]);
	ipc_learnt_release(&list);
	ipc_buf_release(&text);
}

static void lines_look_so(void **state)
{
	static const struct ipc_learnt learnt = {
		.key = {IPC_SPACE_SEM, 4026531839, 7},
		.ns = 4026531839,
		.sysv_key = 0x5432,
		.changed = 1700000100000000000,
		.time = 1700000100500000000,
		.pid = 101,
		.uid = 500,
		.ticks = 1000,
		.comm = "my app",
	};
	struct ipc_buf text = {0};

	(void)state;
	assert_int_equal(ipc_learnt_print(&text, &learnt), 0);
	assert_string_equal(text.data,
			    "created sem/sysv namespace=4026531839 id=7 key=0x00005432 "
			    "changed=2023-11-14T22:15:00.000000000Z time=2023-11-14T22:15:00.500000000Z pid=101 "
			    "start=1000 uid=500 comm=my app\n");
	ipc_buf_release(&text);
}

static void faults_have_their_line(void **state)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
		{"", "line 1: it ends in the middle"},
		{"junk\n", "line 1: it does not begin as what 'monitor --record' writes"},
		{"ipctool-evidence=1", "line 1: it ends in the middle"},
		{"ipctool-evidence=2\n", "line 1: another version has written it"},
		{"ipctool-evidence=1\n", "line 2: it ends in the middle"},
		{"ipctool-evidence=1\nboot=\n", "line 2: no 'boot=' where it belongs"},
		{"ipctool-evidence=1\nboot=" BOOT_ID BOOT_ID "\n", "line 2: no 'boot=' where it belongs"},
		{"ipctool-evidence=1\nboot=" BOOT_ID "\npid_namespace=x\n",
		 "line 3: no 'pid_namespace=' where it belongs"},
		{HEAD "\n", "line 4: it begins with 'created' or 'taken', and 'sem/sysv' or 'sem/posix'"},
		{HEAD "made sem/sysv " SET BY(1, 1),
		 "line 4: it begins with 'created' or 'taken', and 'sem/sysv' or 'sem/posix'"},
		{HEAD "taken mq/sysv " SET BY(1, 1),
		 "line 4: it begins with 'created' or 'taken', and 'sem/sysv' or 'sem/posix'"},
		{HEAD "created sem/sysv " SET BY(1, 1) "taken sem/sysv " SET BY(0, 1),
		 "line 5: no such process, or user"},
		{HEAD "created sem/sysv " SET BY(-1, 1), "line 4: what 'pid=' has is not possible"},
		{HEAD "created sem/sysv " SET BY(4294967296, 1), "line 4: what 'pid=' has is not possible"},
		{HEAD "created sem/sysv " SET BY(1, x), "line 4: what 'start=' has is not possible"},
		{HEAD "created sem/sysv " SET " start=1\n", "line 4: no 'pid=' where it belongs"},
		{HEAD "created sem/sysv " SET "  pid=1\n", "line 4: no 'pid=' where it belongs"},
		{HEAD "created sem/sysv " SET " pid=1 start=1 uid=1\n", "line 4: no 'comm=' where it belongs"},
		{HEAD "created sem/sysv " SET " pid=1 start=1 uid=1 comm=01234567890123456\n",
		 "line 4: what 'comm=' has is not possible"},
		{HEAD "created sem/sysv " SET " pid=1 start=1 uid=1 comm=a\\x0\n",
		 "line 4: what 'comm=' has is not possible"},
		{HEAD "created sem/sysv " SET " pid=1 start=1 uid=1 comm=a\\x00\n",
		 "line 4: what 'comm=' has is not possible"},
		{HEAD "created sem/sysv " SET " pid=1 start=1 uid=1 comm=a", "line 4: it ends in the middle"},
		{HEAD "created sem/sysv namespace=1 id=2147483648 key=", "line 4: it ends in the middle"},
		{HEAD "created sem/sysv namespace=1 id=2147483648 key=\n", "line 4: what 'id=' has is not possible"},
		{HEAD "created sem/sysv namespace=1 id=1 key=12\n", "line 4: what 'key=' has is not possible"},
		{HEAD "created sem/sysv namespace=1 id=1 key=0x1 changed=yesterday\n",
		 "line 4: what 'changed=' has is not possible"},
		{HEAD "created sem/posix " SET BY(1, 1), "line 4: no 'device=' where it belongs"},
		{HEAD "created sem/posix namespace=1 device=25 inode=2\n",
		 "line 4: what 'device=' has is not possible"},
		{HEAD "created sem/posix namespace=1 device=0:25 inode=2 birth=- time=-\n",
		 "line 4: what 'time=' has is not possible"},
	};
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_text(fx, cases[i].text), -EINVAL);
		assert_string_equal(ipc_ctx_error(fx->ctx), cases[i].fault);
		assert_null(fx->ctx->learnt);
	}
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static void check_file(struct fixture *fx, const char *name, int error, const char *why)
{
	assert_int_equal(ipc_ctx_read_evidence(fx->ctx, path_of(fx, name)), error);
	if (error)
		assert_string_equal(ipc_ctx_error(fx->ctx), why);
}

static void files_are_checked(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(read_text(fx, HEAD), 0);
	tree_link(&fx->tree, "link", "file");
	tree_link(&fx->tree, "zero", "/dev/zero");
	assert_int_equal(mkfifo(path_of(fx, "fifo"), 0600), 0);
	check_file(fx, "link", 0, NULL);
	check_file(fx, "zero", -EINVAL, "not a regular file");
	check_file(fx, "fifo", -EINVAL, "not a regular file");
	check_file(fx, "proc", -EINVAL, "not a regular file");
	check_file(fx, "none", -ENOENT, "No such file or directory");
	assert_int_equal(chmod(path_of(fx, "file"), 0620), 0);
	check_file(fx, "link", -EPERM, "its mode 0620 lets others change what it says; chmod go-w it");
	assert_int_equal(chmod(path_of(fx, "file"), 0602), 0);
	check_file(fx, "file", -EPERM, "its mode 0602 lets others change what it says; chmod go-w it");
	assert_int_equal(chmod(path_of(fx, "file"), 0644), 0);
	check_file(fx, "file", 0, NULL);
	if (geteuid() == 0) {
		assert_int_equal(chown(path_of(fx, "file"), 54321, 0), 0);
		check_file(fx, "file", -EPERM,
			   "it belongs to user 54321, who could change what it says; chown it to root, or to yourself");
		assert_int_equal(chown(path_of(fx, "file"), 0, 0), 0);
	}
	assert_int_equal(truncate(path_of(fx, "file"), (64 << 20) + 1), 0);
	check_file(fx, "file", -EINVAL, "larger than 64 MiB, so hardly what 'monitor --record' writes");
}

static void other_origins_are_refused(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(read_text(fx, "ipctool-evidence=1\nboot=x\npid_namespace=4026531836\n"), -EINVAL);
	assert_string_equal(
		ipc_ctx_error(fx->ctx),
		"it was recorded before the system was started anew: of what is there now it knows nothing");
	assert_int_equal(read_text(fx, "ipctool-evidence=1\nboot=" BOOT_ID "\npid_namespace=1\n"), -EINVAL);
	assert_string_equal(ipc_ctx_error(fx->ctx),
			    "it was recorded in another pid namespace, where processes have other numbers");
	tree_write(&fx->tree, "proc/sys/kernel/random/boot_id", "\n");
	assert_int_equal(read_text(fx, HEAD), -ENODATA);
}

/* ---- judging ------------------------------------------------------------------------------------------------------ */

/* The state of set @id, and its evidence in lines. */
static void judge(struct fixture *fx, const char *set, const char *state, const char *evidence)
{
	struct ipc_query *query = NULL;
	struct ipc_set *found = NULL;
	struct ipc_value value;
	struct ipc_buf lines = {0};
	size_t i;

	assert_int_equal(ipc_query_new(fx->ctx, &query), 0);
	assert_int_equal(ipc_query_add(query, set, false), 0);
	assert_int_equal(ipc_query_want(query, "state"), 0);
	assert_int_equal(ipc_query_want(query, "evidence"), 0);
	assert_int_equal(ipc_query_collect(query, &found), 0);
	assert_int_equal(ipc_set_count(found), 1);
	assert_int_equal(ipc_object_get_by_name(ipc_set_get(found, 0), "evidence", &value), 0);
	for (i = 0; i < value.list.count; i++) {
		struct ipc_bytes line = ipc_value_string(&value, i);

		assert_int_equal(ipc_buf_format(&lines, "%.*s\n", (int)line.len, line.data), 0);
	}
	assert_string_equal(lines.data, evidence);
	assert_int_equal(ipc_object_get_by_name(ipc_set_get(found, 0), "state", &value), 0);
	assert_int_equal(value.str.len, strlen(state));
	assert_memory_equal(value.str.data, state, value.str.len);
	ipc_buf_release(&lines);
	ipc_set_free(found);
	ipc_query_free(query);
}

#define NOT_READ "its values could not be read\n"
#define CREATED(pid, name) "created by " #pid " (" name "), recorded at 2023-11-14T22:15:00.500000000Z\n"

static void nobody_knows(void **state)
{
	struct fixture *fx = *state;

	judge(fx, "sem:7", "unknown", NOT_READ);
	assert_int_equal(read_text(fx, HEAD), 0);
	judge(fx, "sem:7", "unknown", NOT_READ);
}

static void the_living_hold(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(read_text(fx, HEAD "created sem/sysv " SET BY(101, 1000)), 0);
	judge(fx, "sem:7", "held", CREATED(101, "app") "creator 101 (app) is alive\n");
	judge(fx, "sem:8", "unknown", NOT_READ);
}

/* Whoever took it last is dead; a second file says who made it. */
static void files_add_up(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(read_text(fx, HEAD "taken sem/sysv " SET BY(901, 5)), 0);
	judge(fx, "sem:7", "unknown",
	      "taken last by 901 (app), recorded at 2023-11-14T22:15:00.500000000Z\nlast taker 901 is dead\n" NOT_READ);
	assert_int_equal(read_text(fx, HEAD "created sem/sysv " SET BY(101, 1000)), 0);
	judge(fx, "sem:7", "held",
	      CREATED(101, "app") "creator 101 (app) is alive\n"
				  "taken last by 901 (app), recorded at 2023-11-14T22:15:00.500000000Z\n"
				  "last taker 901 is dead\n");
}

/* A number that is in use says nothing by itself. */
static void numbers_are_reused(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(read_text(fx, HEAD "created sem/sysv " SET BY(101, 999)), 0);
	judge(fx, "sem:7", "unknown",
	      CREATED(101, "app") "creator 101 is dead: its number was reused later\n" NOT_READ);
}

static void numbers_are_reused_by_time(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(read_text(fx, HEAD "created sem/sysv " SET BY(102, -)), 0);
	judge(fx, "sem:7", "unknown",
	      CREATED(102, "app") "creator 102 is dead: its number was reused later\n" NOT_READ);
}

/* The same number, but another key, another namespace, or older than what was recorded: another set. */
static void sets_are_told_apart(void **state)
{
	static const char *const others[] = {
		HEAD "created sem/sysv namespace=4026531839 id=7 key=0x00005433 changed=2023-11-14T22:15:00Z "
		     "time=2023-11-14T22:15:00.5Z" BY(101, 1000),
		HEAD "created sem/sysv namespace=4026531838 id=7 key=0x00005432 changed=2023-11-14T22:15:00Z "
		     "time=2023-11-14T22:15:00.5Z" BY(101, 1000),
		HEAD "created sem/sysv namespace=4026531839 id=7 key=0x00005432 changed=2023-11-14T22:16:00Z "
		     "time=2023-11-14T22:16:00.5Z" BY(101, 1000),
	};
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(read_text(fx, others[i]), 0);
	judge(fx, "sem:7", "unknown", NOT_READ);
}

/* Changed while nobody watched: then it is kept, with the doubt. */
static void changes_are_a_doubt(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(read_text(fx, HEAD "created sem/sysv namespace=4026531839 id=7 key=0x00005432 "
					    "changed=2023-11-14T22:14:00Z time=2023-11-14T22:14:00Z" BY(101, 1000)),
			 0);
	judge(fx, "sem:7", "held",
	      "created by 101 (app), recorded at 2023-11-14T22:14:00.000000000Z; it was changed since, so that may have been "
	      "an earlier set\ncreator 101 (app) is alive\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_come_back, setup, teardown),
		cmocka_unit_test(lines_look_so),
		cmocka_unit_test_setup_teardown(faults_have_their_line, setup, teardown),
		cmocka_unit_test_setup_teardown(files_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(other_origins_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_knows, setup, teardown),
		cmocka_unit_test_setup_teardown(the_living_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(files_add_up, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_are_reused, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_are_reused_by_time, setup, teardown),
		cmocka_unit_test_setup_teardown(sets_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_are_a_doubt, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
