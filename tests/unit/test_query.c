/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queries through the public interface on a captured tree: references, states, needs, what is missing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ipctool/ipctool.h>

#include "model/record.h"
#include "tree.h"

#define BOOT 1700000000LL

static const char shm_table[] =
	"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime"
	"                   rss                  swap\n"
	/* creator and last user dead: orphan */
	"   5432001          3   600              56     901     902      0    26    26    26    26 1700000100 1700000200 1700000050"
	"                  4096                     0\n"
	/* attached */
	"         0          4  1600            8192     101     101      2     0     0     0     0 1700000100          0 1700000100"
	"                  8192                  4096\n"
	/* creator alive: idle */
	"       123          5   666            4096     101     903      0   500   500   500   500 1700000100 1700000200 1700000100"
	"                     0                     0\n"
	/* creator of another pid namespace */
	"       124          6   666            4096       0     903      0   500   500   500   500 1700000100 1700000200 1700000100"
	"                     0                     0\n"
	/* the creator's number was used again after the last change */
	"       125          7   666            4096     102     102      0   500   500   500   500 1700000100 1700000200 1700000100"
	"                     0                     0\n";

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_query *query;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	tree_make(&fx->tree);
	tree_host(&fx->tree, BOOT);
	tree_write(&fx->tree, "proc/sysvipc/shm", shm_table);
	tree_process(&fx->tree, 101, "a) b (c", 1000, 0);  /* started at BOOT + 10 */
	tree_process(&fx->tree, 102, "late", 100000, 500); /* started at BOOT + 1000 */
	assert_int_equal(ipc_ctx_new(&fx->ctx), 0);
	assert_int_equal(ipc_ctx_set_root(fx->ctx, fx->tree.root), 0);
	assert_int_equal(ipc_query_new(fx->ctx, &fx->query), 0);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	ipc_query_free(fx->query);
	ipc_ctx_unref(fx->ctx);
	tree_remove(&fx->tree);
	free(fx);
	return 0;
}

static struct ipc_set *collect(struct fixture *fx)
{
	struct ipc_set *set = NULL;

	assert_int_equal(ipc_query_collect(fx->query, &set), 0);
	return set;
}

static struct ipc_value get(const struct ipc_object *object, const char *name)
{
	struct ipc_value value;

	assert_non_null(object);
	assert_int_equal(ipc_object_get_by_name(object, name, &value), 0);
	return value;
}

static void assert_text(const struct ipc_object *object, const char *name, const char *text)
{
	struct ipc_value value = get(object, name);

	assert_false(value.null);
	assert_int_equal(value.str.len, strlen(text));
	assert_memory_equal(value.str.data, text, value.str.len);
}

static void assert_evidence(const struct ipc_object *object, const char *line)
{
	struct ipc_value value = get(object, "evidence");
	size_t i;

	for (i = 0; i < value.list.count; i++) {
		struct ipc_bytes one = ipc_value_string(&value, i);

		if (one.len == strlen(line) && memcmp(one.data, line, one.len) == 0)
			return;
	}
	fail_msg("no evidence '%s'", line);
}

static void test_states(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	assert_int_equal(ipc_query_add(fx->query, "shm/sysv", false), 0);
	assert_int_equal(ipc_query_want(fx->query, "STATE"), 0);
	assert_int_equal(ipc_query_want(fx->query, "evidence"), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 5);
	assert_text(ipc_set_get(set, 0), "ref", "shm:3");
	assert_text(ipc_set_get(set, 0), "state", "orphan");
	assert_evidence(ipc_set_get(set, 0), "0 attached (kernel count)");
	assert_evidence(ipc_set_get(set, 0), "creator 901 is dead");
	assert_evidence(ipc_set_get(set, 0), "last user 902 is dead");
	assert_text(ipc_set_get(set, 1), "state", "held");
	assert_text(ipc_set_get(set, 2), "state", "idle");
	assert_evidence(ipc_set_get(set, 2), "creator 101 (a) b (c) is alive");
	assert_text(ipc_set_get(set, 3), "state", "unknown");
	assert_text(ipc_set_get(set, 4), "state", "orphan");
	assert_evidence(ipc_set_get(set, 4), "creator 102 is dead: its number was reused later");
	ipc_set_free(set);
}

static void test_unwanted_is_null(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	assert_int_equal(ipc_query_add(fx->query, "shm/sysv", false), 0);
	set = collect(fx);
	assert_true(get(ipc_set_get(set, 0), "state").null);
	assert_true(get(ipc_set_get(set, 0), "holders").null);
	assert_string_equal(ipc_query_holder_source(fx->query), "none");
	ipc_set_free(set);
}

static enum ipc_match match_of(struct fixture *fx, size_t index)
{
	enum ipc_match match;
	const char *text;

	assert_true(ipc_query_reference(fx->query, index, &text, &match));
	return match;
}

static void test_references(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	assert_int_equal(ipc_query_add(fx->query, "shm:4", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm:0x7b", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm:99", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm+0x0000007b.1700000100:5", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm+0x0000007b.1700000101:5", false), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 2);
	assert_text(ipc_set_get(set, 0), "ref", "shm:4");
	assert_text(ipc_set_get(set, 1), "ref", "shm:5");
	assert_int_equal(match_of(fx, 0), IPC_MATCH_ONE);
	assert_int_equal(match_of(fx, 1), IPC_MATCH_ONE);
	assert_int_equal(match_of(fx, 2), IPC_MATCH_NONE);
	assert_int_equal(match_of(fx, 3), IPC_MATCH_ONE);
	assert_int_equal(match_of(fx, 4), IPC_MATCH_REPLACED);
	ipc_set_free(set);
}

static void test_every_ref_and_handle_is_taken_back(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set, *again;
	struct ipc_query *query;
	size_t i;

	assert_int_equal(ipc_query_add(fx->query, "shm/sysv", false), 0);
	ipc_query_want_all(fx->query);
	set = collect(fx);
	assert_int_equal(ipc_query_new(fx->ctx, &query), 0);
	for (i = 0; i < ipc_set_count(set); i++) {
		struct ipc_value handle = get(ipc_set_get(set, i), "handle");
		char text[256];

		snprintf(text, sizeof(text), "%.*s", (int)handle.str.len, handle.str.data);
		assert_int_equal(ipc_query_add(query, text, false), 0);
	}
	assert_int_equal(ipc_query_collect(query, &again), 0);
	assert_int_equal(ipc_set_count(again), ipc_set_count(set));
	for (i = 0; i < ipc_set_count(set); i++) {
		struct ipc_value before = get(ipc_set_get(set, i), "id"), after = get(ipc_set_get(again, i), "id");

		assert_int_equal(before.u, after.u);
	}
	ipc_set_free(again);
	ipc_query_free(query);
	ipc_set_free(set);
}

static void test_fields_read_at_once(void **state)
{
	struct fixture *fx = *state;
	const struct ipc_field *fields[64] = {NULL};
	struct ipc_value values[64];
	struct ipc_set *set;
	size_t i, count;

	assert_int_equal(ipc_query_add(fx->query, "shm/sysv", false), 0);
	ipc_query_want_all(fx->query);
	set = collect(fx);
	assert_true(ipc_set_count(set) > 0);
	for (i = 0; i < ipc_set_count(set); i++) {
		const struct ipc_object *object = ipc_set_get(set, i);
		const struct ipc_record *record = ipc_kind_record(ipc_object_kind(object));

		/* the first one is not of this kind */
		for (count = 1; (fields[count] = ipc_record_field(record, count - 1)); count++)
			assert_in_range(count, 1, 62);
		memset(values, 0xff, sizeof(values));
		ipc_object_get_all(object, fields, count, values);
		assert_true(values[0].null);
		while (--count) {
			struct ipc_value value;

			ipc_object_get(object, fields[count], &value);
			assert_int_equal(values[count].type, ipc_field_type(fields[count]));
			assert_int_equal(values[count].type, value.type);
			assert_int_equal(values[count].null, value.null);
			assert_int_equal(ipc_value_compare(&values[count], &value), 0);
		}
	}
	ipc_set_free(set);
}

static void test_references_come_in_the_order_given(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	assert_int_equal(ipc_query_add(fx->query, "shm:7", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm:3", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm:7", false), 0); /* named twice, shown once */
	assert_int_equal(ipc_query_add(fx->query, "shm:0x7b", false), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 3);
	assert_text(ipc_set_get(set, 0), "ref", "shm:7");
	assert_text(ipc_set_get(set, 1), "ref", "shm:3");
	assert_text(ipc_set_get(set, 2), "ref", "shm:5");
	ipc_set_free(set);
}

static void test_filter_and_sort(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	assert_int_equal(ipc_query_add(fx->query, "shm/sysv", false), 0);
	assert_int_equal(ipc_query_filter(fx->query, "state == orphan or size >= 8K"), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 3);
	assert_int_equal(ipc_set_sort(set, "size", true), 0);
	assert_text(ipc_set_get(set, 0), "ref", "shm:4");
	assert_text(ipc_set_get(set, 2), "ref", "shm:3");
	assert_int_equal(ipc_set_sort(set, "nonsense", false), -ENOENT);
	ipc_set_free(set);
}

static void test_a_process_named_twice_is_one(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	assert_int_equal(ipc_query_add(fx->query, "signal:101", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "signal:101", false), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 1);
	assert_int_equal(match_of(fx, 0), IPC_MATCH_ONE);
	assert_int_equal(match_of(fx, 1), IPC_MATCH_ONE);
	ipc_set_free(set);
}

/* Made before the clock was set: start times, which count from the boot, say nothing of a number used again. */
static void test_a_clock_that_was_set_proves_no_death(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	tree_write(
		&fx->tree, "proc/sysvipc/shm",
		"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime"
		"                   rss                  swap\n"
		"         1          0   600              4096     101     101      0     0     0     0     0       1000       1000       1000"
		"                     0                     0\n");
	assert_int_equal(ipc_query_add(fx->query, "shm/sysv", false), 0);
	ipc_query_want_all(fx->query);
	set = collect(fx);
	assert_text(ipc_set_get(set, 0), "state", "unknown");
	assert_evidence(ipc_set_get(set, 0),
			"creator 101 exists; the clock was set since, so it may be another process");
	ipc_set_free(set);
}

/* The count of mappings is wanted alone: it needs the holders, though they are not shown. */
static void test_attached_alone(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	tree_write(&fx->tree, "dev/shm/segment", "x");
	assert_int_equal(ipc_query_add(fx->query, "shm:/segment", false), 0);
	assert_int_equal(ipc_query_want(fx->query, "attached"), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 1);
	assert_false(get(ipc_set_get(set, 0), "attached").null);
	assert_true(get(ipc_set_get(set, 0), "holders").null);
	ipc_set_free(set);
}

/* That a file is shared shows in the maps of all processes: the one that is asked for is not read alone. */
static void test_a_holder_of_a_shared_file(void **state)
{
	static const char maps[] =
		"7f0000000000-7f0000001000 rw-s 00000000 08:01 77                         /data/shared\n";
	struct fixture *fx = *state;
	struct ipc_set *set;

	tree_write(&fx->tree, "proc/101/maps", maps);
	tree_write(&fx->tree, "proc/102/maps", maps);
	assert_int_equal(ipc_query_add(fx->query, "shm/file", false), 0);
	assert_int_equal(ipc_query_holder(fx->query, "101"), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 1);
	assert_int_equal(get(ipc_set_get(set, 0), "holders").list.count, 2);
	ipc_set_free(set);
}

/* The own namespace is visited for the reference that names it; the other one means the namespace chosen in its place. */
static void test_plain_references_mean_the_chosen_namespace(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set;

	tree_link(&fx->tree, "proc/101/ns/ipc", "ipc:[4026532001]");
	tree_link(&fx->tree, "proc/101/ns/net", "net:[4026532002]");
	tree_link(&fx->tree, "proc/101/ns/mnt", "mnt:[4026532003]");
	tree_link(&fx->tree, "proc/102/ns/ipc", "ipc:[4026531839]");
	tree_link(&fx->tree, "proc/102/ns/net", "net:[4026531840]");
	tree_link(&fx->tree, "proc/102/ns/mnt", "mnt:[4026531841]");
	assert_int_equal(ipc_query_namespace(fx->query, "101"), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm@4026531839:3", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm:4", false), 0);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 1);
	assert_text(ipc_set_get(set, 0), "ref", "shm:3");
	assert_int_equal(match_of(fx, 0), IPC_MATCH_ONE);
	assert_int_equal(match_of(fx, 1), IPC_MATCH_NONE);
	ipc_set_free(set);
}

static int stop_at_second(const struct ipc_object *object, void *data)
{
	(void)object;
	return ++*(int *)data == 2 ? 77 : 0;
}

static void test_stop(void **state)
{
	struct fixture *fx = *state;
	int calls = 0;

	assert_int_equal(ipc_query_add(fx->query, "shm/sysv", false), 0);
	assert_int_equal(ipc_query_run(fx->query, stop_at_second, &calls), 77);
	assert_int_equal(calls, 2);
}

static void test_bad_words(void **state)
{
	static const char *const bad[] = {
		"", "mqx", "mq:", "mq/other", "shm:0x0", "fifo:name", "sock:tcp:1.2.3:80", "signal:x", "shm:\\q"};
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ipc_query_add(fx->query, bad[i], false), -EINVAL);
		assert_true(ipc_ctx_error(fx->ctx)[0] != '\0');
	}
	assert_int_equal(ipc_query_want(fx->query, "nonsense"), -ENOENT);
	assert_int_equal(ipc_query_filter(fx->query, "size >"), -EINVAL);
	assert_int_equal(ipc_query_holder(fx->query, "0"), -EINVAL);
}

static void test_signals(void **state)
{
	struct fixture *fx = *state;
	struct ipc_value value;
	struct ipc_set *set;

	assert_int_equal(ipc_query_add(fx->query, "signal:101", false), 0);
	ipc_query_want_all(fx->query);
	set = collect(fx);
	assert_int_equal(ipc_set_count(set), 1);
	assert_text(ipc_set_get(set, 0), "name", "a) b (c");
	value = get(ipc_set_get(set, 0), "pending");
	assert_int_equal(value.list.count, 1);
	assert_memory_equal(ipc_value_string(&value, 0).data, "SIGTERM", 7);
	value = get(ipc_set_get(set, 0), "blocked");
	assert_int_equal(value.list.count, 2);
	assert_memory_equal(ipc_value_string(&value, 1).data, "SIGRTMIN", 8);
	assert_int_equal(get(ipc_set_get(set, 0), "queued").u, 3);
	assert_int_equal(get(ipc_set_get(set, 0), "queue_limit").u, 95000);
	assert_true(get(ipc_set_get(set, 0), "state").null);
	ipc_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unwanted_is_null, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_ref_and_handle_is_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields_read_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references_come_in_the_order_given, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_and_sort, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_process_named_twice_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_clock_that_was_set_proves_no_death, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attached_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_holder_of_a_shared_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain_references_mean_the_chosen_namespace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
