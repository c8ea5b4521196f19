/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdicts of a cleaning on a captured tree: states, ages, owners, and rules in their order. */
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

#include <ipctool/clean.h>

#include "context.h"
#include "policy/policy.h"
#include "tree.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define TOLD_MAX 32

/* What tell() was told of one object. */
struct told {
	char ref[64], state[16], verdict[16], rule[32], result[16], why[512];
};

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_query *query;
	struct ipc_policy *policy;
	struct ipc_cleaning how;
	struct ipc_cleaned done;
	struct told told[TOLD_MAX];
	size_t count;
	int answer; /* of tell() */
};

/* ---- the tree ---------------------------------------------------------------------------------------------------- */

static void write_segment(FILE *out, int key, int id, const char *perms, int creator, int user, int attached,
			  long long detached)
{
	fprintf(out, "%10d %10d %5s 8192 %5d %5d %6d 26 26 26 26 %lld %lld %lld 4096 1024\n", key, id, perms, creator,
		user, attached, detached - 10, detached, detached - 20);
}

/* Unused for a day unless said otherwise. 101 is alive, 90N are dead. */
static void write_segments(const struct tree *tree)
{
	long long now = time(NULL), day = now - 86400;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fputs("key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap\n", out);
	write_segment(out, 0x5432001, 3, "600", 901, 902, 0, day);
	write_segment(out, 0x5432002, 4, "600", 101, 101, 2, day);
	write_segment(out, 0x5432003, 5, "600", 101, 902, 0, day);
	write_segment(out, 0x5432004, 6, "600", 0, 902, 0, day);
	write_segment(out, 0x5432005, 7, "600", 901, 902, 0, now - 10);
	write_segment(out, 0x5432006, 8, "600", 901, 902, 0, now + 1000);
	write_segment(out, 0, 9, "1600", 901, 902, 1, day);
	fclose(out);
	tree_write(tree, "proc/sysvipc/shm", text);
	free(text);
}

static void write_process(const struct tree *tree, int pid, const char *comm, unsigned uid)
{
	char path[64], text[256];

	tree_process(tree, pid, comm, 1000, uid);
	snprintf(path, sizeof(path), "proc/%d/status", pid);
	snprintf(text, sizeof(text), "Name:\tx\nPid:\t%d\nUid:\t%u\t%u\t%u\t%u\nNSpid:\t%d\n", pid, uid, uid, uid, uid,
		 pid);
	tree_write(tree, path, text);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	tree_make(&fx->tree);
	tree_host(&fx->tree, (long long)time(NULL) - 30 * 86400);
	write_segments(&fx->tree);
	write_process(&fx->tree, 1, "init", 0);
	write_process(&fx->tree, 101, "server", getuid());
	assert_int_equal(ipc_ctx_new(&fx->ctx), 0);
	assert_int_equal(ipc_ctx_set_root(fx->ctx, fx->tree.root), 0);
	fx->ctx->euid = 0;
	assert_int_equal(ipc_query_new(fx->ctx, &fx->query), 0);
	assert_int_equal(ipc_policy_new(fx->ctx, &fx->policy), 0);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	ipc_query_free(fx->query);
	ipc_policy_free(fx->policy);
	ipc_ctx_unref(fx->ctx);
	tree_remove(&fx->tree);
	free(fx);
	return 0;
}

/* ---- a cleaning -------------------------------------------------------------------------------------------------- */

static void copy(const struct ipc_object *object, const char *name, char *out, size_t size)
{
	struct ipc_value value;

	assert_int_equal(ipc_object_get_by_name(object, name, &value), 0);
	snprintf(out, size, "%.*s", value.null ? 0 : (int)value.str.len, value.null ? "" : value.str.data);
}

static int tell(const struct ipc_object *object, void *data)
{
	struct fixture *fx = data;
	struct told *told = &fx->told[fx->count];

	assert_true(fx->count < TOLD_MAX);
	fx->count++;
	copy(object, "ref", told->ref, sizeof(told->ref));
	copy(object, "state", told->state, sizeof(told->state));
	copy(object, "verdict", told->verdict, sizeof(told->verdict));
	copy(object, "rule", told->rule, sizeof(told->rule));
	copy(object, "result", told->result, sizeof(told->result));
	copy(object, "why", told->why, sizeof(told->why));
	return fx->answer;
}

/* Each call begins with nothing told, and with a query of its own. */
static int clean(struct fixture *fx, const char *what)
{
	int r;

	ipc_query_free(fx->query);
	assert_int_equal(ipc_query_new(fx->ctx, &fx->query), 0);
	assert_int_equal(ipc_query_add(fx->query, what, false), 0);
	fx->count = 0;
	fx->how.policy = fx->policy;
	fx->how.tell = tell;
	fx->how.data = fx;
	r = ipc_query_clean(fx->query, &fx->how, &fx->done);
	assert_int_equal(ipc_clean_error(fx->query), 0);
	return r;
}

static const struct told *told_of(const struct fixture *fx, const char *ref)
{
	size_t i;

	for (i = 0; i < fx->count; i++)
		if (strcmp(fx->told[i].ref, ref) == 0)
			return &fx->told[i];
	fail_msg("nothing was told of %s", ref);
	return NULL;
}

/* @why is its beginning. */
static void assert_verdict(const struct fixture *fx, const char *ref, const char *verdict, const char *rule,
			   const char *why)
{
	const struct told *told = told_of(fx, ref);

	if (strcmp(told->verdict, verdict) != 0 || strcmp(told->rule, rule) != 0 ||
	    strncmp(told->why, why, strlen(why)) != 0)
		fail_msg("%s (%s): %s by '%s': %s", ref, told->state, told->verdict, told->rule, told->why);
	assert_string_equal(told->result, strcmp(verdict, "remove") == 0 ? "would-remove" : "kept");
}

/* A rule of the lines @keys and @values, up to NULL. */
static void add_rule(struct fixture *fx, const char *name, const char *const *pairs)
{
	struct ipc_rule rule;
	struct ipc_rule_place place;
	struct ipc_buf why = {0};

	assert_int_equal(ipc_rule_init(&rule, name, "rules", 1), 0);
	for (; *pairs; pairs += 2)
		if (ipc_rule_put(&rule, pairs[0], pairs[1], 0, &why, &place))
			fail_msg("%s = %s: %s", pairs[0], pairs[1], why.data);
	if (ipc_rule_finish(&rule, &why))
		fail_msg("%s: %s", name, why.data);
	assert_int_equal(ipc_policy_add(fx->policy, &rule), 0);
	ipc_buf_release(&why);
}

#define ADD_RULE(fx, name, ...) add_rule(fx, name, (const char *const[]){__VA_ARGS__, NULL})

/* ---- by state and age -------------------------------------------------------------------------------------------- */

static void test_states(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_int_equal(fx->count, 6); /* what is marked for destruction goes by itself */
	assert_verdict(fx, "shm:3", "remove", "",
		       "orphan: 0 attached (kernel count); creator 901 is dead; last user 902 is dead");
	assert_verdict(fx, "shm:4", "keep", "", "in use: 2 attached (kernel count)");
	assert_verdict(fx, "shm:5", "keep", "", "somebody may come back (--include=idle, or a rule): 0 attached");
	assert_verdict(fx, "shm:6", "keep", "", "may be in use: 0 attached (kernel count); creator is a process of");
	assert_verdict(fx, "shm:7", "keep", "", "used 1");
	assert_non_null(strstr(told_of(fx, "shm:7")->why, "s ago, and kept until that was 1h ago"));
	assert_verdict(fx, "shm:8", "keep", "", "used 0ms ago");
	assert_int_equal(fx->done.removed, 1);
	assert_int_equal(fx->done.kept, 5);
	assert_int_equal(fx->done.bytes, 4096 + 1024);
	assert_int_equal(fx->done.gone + fx->done.failed + fx->done.spared + fx->done.reported, 0);
	assert_false(fx->done.stopped);
}

static void test_goes_by_itself(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(clean(fx, "shm:9"), 0);
	assert_int_equal(fx->count, 1);
	assert_verdict(fx, "shm:9", "keep", "", "it goes with its last user");
}

static void test_references_alone(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(clean(fx, "shm:0x5432001"), 0);
	assert_int_equal(fx->count, 1);
	assert_verdict(fx, "shm:3", "remove", "", "orphan");
}

static void test_include(void **state)
{
	struct fixture *fx = *state;

	fx->how.include = IPC_INCLUDE_IDLE;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:5", "remove", "", "idle: ");
	assert_verdict(fx, "shm:4", "keep", "", "in use");
	assert_verdict(fx, "shm:6", "keep", "", "may be in use");
	fx->how.include = IPC_INCLUDE_SUSPECT;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:5", "keep", "", "somebody may come back");
}

/* Times of the future count as now, and no age is asked for only by a negative one. */
static void test_min_age(void **state)
{
	struct fixture *fx = *state;

	fx->how.min_age = -1;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:7", "remove", "", "orphan");
	assert_verdict(fx, "shm:8", "remove", "", "orphan");
	fx->how.min_age = 5 * SECOND;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:7", "remove", "", "orphan");
	assert_verdict(fx, "shm:8", "keep", "", "used 0ms ago, and kept until that was 5s ago");
	fx->how.min_age = 25 * HOUR;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "keep", "", "used 1d ago, and kept until that was 1d1h ago");
}

static void test_owner(void **state)
{
	struct fixture *fx = *state;

	fx->ctx->euid = 27;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "keep", "", "it belongs to user 26; only he or root removes it");
	fx->ctx->euid = 26;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "remove", "", "orphan");
}

static void test_end(void **state)
{
	struct fixture *fx = *state;

	fx->answer = 7;
	assert_int_equal(clean(fx, "shm/sysv"), 7);
	assert_int_equal(fx->count, 1);
	fx->answer = 0;
	fx->how.apply = true;
	assert_int_equal(clean(fx, "shm/sysv"), -ENOTSUP);
	assert_int_equal(fx->count, 0);
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static void test_first_rule_decides(void **state)
{
	struct fixture *fx = *state;

	ADD_RULE(fx, "one", "action", "protect", "key", "0x5432001");
	ADD_RULE(fx, "two", "action", "remove", "key", "0x5432000-0x54320ff", "state", "idle orphan");
	ADD_RULE(fx, "three", "action", "report", "class", "shm");
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "protect", "one", "rule one of rules");
	assert_verdict(fx, "shm:4", "report", "three", "rule three of rules"); /* held: no rule removes it */
	assert_verdict(fx, "shm:5", "remove", "two", "idle: ");
	assert_verdict(fx, "shm:6", "report", "three", "rule three of rules");
	assert_verdict(fx, "shm:7", "keep", "two", "used 1");
	assert_int_equal(fx->done.spared, 1);
	assert_int_equal(fx->done.reported, 2);
	assert_int_equal(fx->done.kept, 2);
	assert_int_equal(fx->done.removed, 1);
}

static void test_orphans_alone(void **state)
{
	struct fixture *fx = *state;

	ADD_RULE(fx, "gone", "action", "remove", "class", "shm", "age", "0s");
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "remove", "gone", "orphan");
	assert_verdict(fx, "shm:5", "keep", "", "somebody may come back");
	assert_verdict(fx, "shm:7", "remove", "gone", "orphan"); /* its age takes the place of the hour */
}

/* Of the age of a rule and that of the caller the longer one counts. */
static void test_ages_of_rules(void **state)
{
	struct fixture *fx = *state;

	ADD_RULE(fx, "old", "action", "remove", "key", "0x5432001", "age", "2d");
	ADD_RULE(fx, "new", "action", "remove", "key", "0x5432005", "age", "5s");
	fx->how.min_age = -1;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "keep", "old", "used 1d ago, and kept until that was 2d ago");
	assert_verdict(fx, "shm:7", "remove", "new", "orphan");
	fx->how.min_age = HOUR;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "keep", "old", "used 1d ago, and kept until that was 2d ago");
	assert_verdict(fx, "shm:7", "keep", "new", "used 1");
}

static void test_rules_and_owner(void **state)
{
	struct fixture *fx = *state;

	ADD_RULE(fx, "all", "action", "remove", "key", "0x5432001", "state", "idle orphan");
	fx->ctx->euid = 27;
	assert_int_equal(clean(fx, "shm/sysv"), 0);
	assert_verdict(fx, "shm:3", "keep", "all", "it belongs to user 26");
}

/* ---- a process in the name --------------------------------------------------------------------------------------- */

static void write_files(const struct fixture *fx)
{
	tree_write(&fx->tree, "dev/shm/torch_101_x", "x");
	tree_write(&fx->tree, "dev/shm/torch_901_x", "x");
	tree_write(&fx->tree, "dev/shm/plain", "x");
}

static void test_process_of_name(void **state)
{
	struct fixture *fx = *state;

	write_files(fx);
	ADD_RULE(fx, "torch", "action", "remove", "name", "/torch_<pid>_*", "age", "0s");
	assert_int_equal(clean(fx, "shm/posix"), 0);
	assert_verdict(fx, "shm:/torch_101_x", "keep", "torch", "the process of its name is alive: ");
	assert_verdict(fx, "shm:/torch_901_x", "remove", "torch", "orphan: ");
	assert_verdict(fx, "shm:/plain", "keep", "", "somebody may come back");
}

/* Who lets idle ones go lets go those whose process is known to be dead as well. */
static void test_idle_and_dead(void **state)
{
	struct fixture *fx = *state;

	write_files(fx);
	ADD_RULE(fx, "torch", "action", "remove", "name", "/torch_<pid>_*", "age", "0s", "state", "idle");
	assert_int_equal(clean(fx, "shm/posix"), 0);
	assert_verdict(fx, "shm:/torch_101_x", "keep", "torch", "the process of its name is alive: ");
	assert_verdict(fx, "shm:/torch_901_x", "remove", "torch", "orphan: ");
}

/* What one rule made of a name is nothing to the next. */
static void test_state_is_restored(void **state)
{
	struct fixture *fx = *state;

	write_files(fx);
	ADD_RULE(fx, "suspects", "action", "remove", "name", "/torch_<pid>_*", "state", "suspect");
	ADD_RULE(fx, "orphans", "action", "remove", "name", "/torch_*", "age", "0s");
	assert_int_equal(clean(fx, "shm/posix"), 0);
	assert_string_equal(told_of(fx, "shm:/torch_901_x")->state, "idle");
	assert_verdict(fx, "shm:/torch_901_x", "keep", "", "somebody may come back");
}

/* For a rule that protects or reports it is a number and no more. */
static void test_number_alone(void **state)
{
	struct fixture *fx = *state;

	write_files(fx);
	ADD_RULE(fx, "torch", "action", "protect", "name", "/torch_<pid>_*");
	fx->how.include = IPC_INCLUDE_IDLE;
	fx->how.min_age = -1;
	assert_int_equal(clean(fx, "shm/posix"), 0);
	assert_verdict(fx, "shm:/torch_101_x", "protect", "torch", "rule torch of rules");
	assert_verdict(fx, "shm:/torch_901_x", "protect", "torch", "rule torch of rules");
	assert_verdict(fx, "shm:/plain", "remove", "", "idle: ");
}

/* Outside the initial pid namespace nobody knows who has it, nor whether the process lives. */
static void test_container(void **state)
{
	struct fixture *fx = *state;
	char path[128];

	write_files(fx);
	snprintf(path, sizeof(path), "%s/proc/self/ns/pid", fx->tree.root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("pid:[4026532000]", path), 0);
	ADD_RULE(fx, "torch", "action", "remove", "name", "/torch_<pid>_*", "age", "0s", "state", "idle orphan");
	fx->how.include = IPC_INCLUDE_IDLE;
	fx->how.min_age = -1;
	assert_int_equal(clean(fx, "shm/posix"), 0);
	assert_verdict(fx, "shm:/torch_901_x", "keep", "", "may be in use: ");
	assert_verdict(fx, "shm:/plain", "keep", "", "may be in use: ");
	assert_int_equal(fx->done.removed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goes_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_include, setup, teardown),
		cmocka_unit_test_setup_teardown(test_min_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_rule_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(test_orphans_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ages_of_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules_and_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_process_of_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_and_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_is_restored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_container, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
