/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of /proc/sysvipc: every field, duplicate ids, numbers too large, lines cut short. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/record.h"
#include "sources/sysvipc.h"
#include "tree.h"

#define MSG_HEAD \
	"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"
#define SEM_HEAD "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
#define SHM_HEAD                                                                                                             \
	"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime" \
	"      ctime                   rss                  swap\n"

#define MOST 64

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	size_t count, stop_at; /* stop_at 0: never */
	struct ipc_sysv_msg msg[MOST];
	struct ipc_sysv_sem sem[MOST];
	struct ipc_sysv_shm shm[MOST];
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

	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static int stop(const struct fixture *f)
{
	return f->count == f->stop_at ? 7 : 0;
}

static int take_msg(const struct ipc_sysv_msg *msg, void *data)
{
	struct fixture *f = data;

	assert_true(f->count < MOST);
	f->msg[f->count++] = *msg;
	return stop(f);
}

static int take_sem(const struct ipc_sysv_sem *sem, void *data)
{
	struct fixture *f = data;

	assert_true(f->count < MOST);
	f->sem[f->count++] = *sem;
	return stop(f);
}

static int take_shm(const struct ipc_sysv_shm *shm, void *data)
{
	struct fixture *f = data;

	assert_true(f->count < MOST);
	f->shm[f->count++] = *shm;
	return stop(f);
}

static int list_shm(struct fixture *f, const char *lines)
{
	char text[8192];

	snprintf(text, sizeof(text), SHM_HEAD "%s", lines);
	tree_write(&f->tree, "proc/sysvipc/shm", text);
	f->count = 0;
	return ipc_sysv_each_shm(f->ctx, true, take_shm, f);
}

static void every_field_of_a_queue_is_read(void **state)
{
	struct fixture *f = *state;
	const struct ipc_sysv_msg *m = f->msg;

	tree_write(
		&f->tree, "proc/sysvipc/msg",
		MSG_HEAD
		"-559038737      32768  1640        300          3     6     7  1000  1001  1002  1003 1795230111 1795230112 1795230110\n");
	assert_int_equal(ipc_sysv_each_msg(f->ctx, take_msg, f), 0);
	assert_int_equal(f->count, 1);
	assert_int_equal(m->perm.key, 0xdeadbeef);
	assert_int_equal(m->perm.id, 32768);
	assert_int_equal(m->perm.mode, 0640);
	assert_int_equal(m->perm.flags, 01000);
	assert_int_equal(m->bytes, 300);
	assert_int_equal(m->messages, 3);
	assert_int_equal(m->lspid, 6);
	assert_int_equal(m->lrpid, 7);
	assert_int_equal(m->perm.uid, 1000);
	assert_int_equal(m->perm.gid, 1001);
	assert_int_equal(m->perm.cuid, 1002);
	assert_int_equal(m->perm.cgid, 1003);
	assert_int_equal(m->stime, 1795230111);
	assert_int_equal(m->rtime, 1795230112);
	assert_int_equal(m->ctime, 1795230110);
}

static void every_field_of_a_set_is_read(void **state)
{
	struct fixture *f = *state;

	tree_write(&f->tree, "proc/sysvipc/sem",
		   SEM_HEAD "       153          0   600         17     1     2     3     4          0 1795230115\n"
			    "         0          1   666          1     0     0     0     0         -5          9\n");
	assert_int_equal(ipc_sysv_each_sem(f->ctx, take_sem, f), 0);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->sem[0].perm.key, 153);
	assert_int_equal(f->sem[0].perm.id, 0);
	assert_int_equal(f->sem[0].nsems, 17);
	assert_int_equal(f->sem[0].perm.cgid, 4);
	assert_int_equal(f->sem[0].otime, 0);
	assert_int_equal(f->sem[0].ctime, 1795230115);
	assert_int_equal(f->sem[1].otime, -5);
}

static void every_field_of_a_segment_is_read(void **state)
{
	struct fixture *f = *state;
	const struct ipc_sysv_shm *s = f->shm;

	assert_int_equal(
		list_shm(
			f,
			"         0     491520  3600  18446744073709551615  4711  4712 18446744073709551615  0  0  0  0  1  2  3  4096  8192\n"),
		0);
	assert_int_equal(f->count, 1);
	assert_int_equal(s->perm.id, 491520);
	assert_int_equal(s->perm.mode, 0600);
	assert_int_equal(s->perm.flags, IPC_SYSV_DEST | IPC_SYSV_LOCKED);
	assert_true(s->size == UINT64_MAX);
	assert_true(s->nattch == UINT64_MAX);
	assert_int_equal(s->cpid, 4711);
	assert_int_equal(s->lpid, 4712);
	assert_int_equal(s->atime, 1);
	assert_int_equal(s->dtime, 2);
	assert_int_equal(s->ctime, 3);
	assert_int_equal(s->rss, 4096);
	assert_int_equal(s->swapped, 8192);
}

static void an_id_listed_twice_is_one_object(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(list_shm(f, "1 0 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n"
				     "2 1 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n"
				     "1 0 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n"
				     "2 1 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n"
				     "2 1 600 1 1 1 0 0 0 0 0 0 0 1 0 0"),
			 0);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->shm[0].perm.id, 0);
	assert_int_equal(f->shm[1].perm.id, 1);
}

static void what_older_kernels_lack_is_unknown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(list_shm(f, "1 0 600 1 1 1 0 0 0 0 0 0 0 1\n"), 0);
	assert_int_equal(f->count, 1);
	assert_true(f->shm[0].rss == IPC_UNKNOWN);
	assert_true(f->shm[0].swapped == IPC_UNKNOWN);
}

static void bad_lines_are_reported_and_the_others_kept(void **state)
{
	static const char *const bad[] = {
		"1 5 600 1 1 1 0 0 0 0 0 0 0",                           /* short */
		"1",                                                     /* shorter */
		"1 5 600 18446744073709551616 1 1 0 0 0 0 0 0 0 1 0 0",  /* 2^64 */
		"1 5 600 99999999999999999999999 1 1 0 0 0 0 0 0 0 1 0", /* more */
		"1 5 800 1 1 1 0 0 0 0 0 0 0 1 0 0",                     /* not octal */
		"1 -5 600 1 1 1 0 0 0 0 0 0 0 1 0 0",                    /* a negative id */
		"1 5 600 1 1 1 0 0 0 0 0 9223372036854775808 0 1 0 0",   /* 2^63 seconds */
		"1 5 600 1x 1 1 0 0 0 0 0 0 0 1 0 0",
		"- 5 600 1 1 1 0 0 0 0 0 0 0 1 0 0",
		"\x1b[31m",
	};
	struct fixture *f = *state;
	char text[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			 "1 3 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n%s\n1 4 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n", bad[i]);
		assert_int_equal(list_shm(f, text), -EBADMSG);
		assert_int_equal(f->count, 2);
		assert_int_equal(f->shm[1].perm.id, 4);
	}
}

static void nothing_listed_is_no_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(list_shm(f, ""), 0);
	assert_int_equal(f->count, 0);
	assert_int_equal(list_shm(f, "\n   \n"), 0);
	assert_int_equal(f->count, 0);
	tree_write(&f->tree, "proc/sysvipc/sem", "");
	assert_int_equal(ipc_sysv_each_sem(f->ctx, take_sem, f), 0);
}

static void a_kernel_without_it_says_so(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ipc_sysv_each_msg(f->ctx, take_msg, f), -ENOSYS);
	assert_int_equal(f->count, 0);
}

static void the_receiver_can_stop(void **state)
{
	struct fixture *f = *state;

	f->stop_at = 1;
	assert_int_equal(list_shm(f, "1 0 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n2 1 600 1 1 1 0 0 0 0 0 0 0 1 0 0\n"), 7);
	assert_int_equal(f->count, 1);
}

static void one_is_found_by_its_id(void **state)
{
	struct fixture *f = *state;
	struct ipc_sysv_shm shm = {.size = 1};
	struct ipc_sysv_msg msg;

	list_shm(f, "1 0 600 100 1 1 0 0 0 0 0 0 0 1 0 0\nbad line\n2 32769 600 200 1 1 0 0 0 0 0 0 0 1 0 0\n");
	assert_int_equal(ipc_sysv_find_shm(f->ctx, 1, true, &shm), -ENOENT);
	assert_int_equal(ipc_sysv_find_shm(f->ctx, UINT64_MAX, true, &shm), -ENOENT);
	assert_int_equal(shm.size, 1);
	assert_int_equal(ipc_sysv_find_shm(f->ctx, 32769, false, &shm), 0);
	assert_int_equal(shm.size, 200);
	assert_int_equal(ipc_sysv_find_msg(f->ctx, 0, &msg), -ENOSYS);
}

static void times_fit(void **state)
{
	(void)state;
	assert_true(ipc_sysv_time(0) == IPC_UNKNOWN_INT);
	assert_true(ipc_sysv_time(2) == 2000000000);
	assert_true(ipc_sysv_time(INT64_MAX) == INT64_MAX);
	assert_true(ipc_sysv_time(INT64_MIN) < -INT64_MAX / 2 && ipc_sysv_time(INT64_MIN) != IPC_UNKNOWN_INT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_field_of_a_queue_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_field_of_a_set_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_field_of_a_segment_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_id_listed_twice_is_one_object, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_older_kernels_lack_is_unknown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_lines_are_reported_and_the_others_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_listed_is_no_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_kernel_without_it_says_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_receiver_can_stop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_is_found_by_its_id, set_up, tear_down),
		cmocka_unit_test(times_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
