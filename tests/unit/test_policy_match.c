/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules and objects: which match, what "<pid>" stands for, and what it costs to find out. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "policy/policy.h"

/* A rule of "key = value" lines; @action: as the first of them. */
static void make_rule(struct ipc_rule *rule, const char *action, const char *text)
{
	struct ipc_buf why = {0};
	struct ipc_rule_place place;
	char *copy = strdup(text), *rest = copy, *line;

	assert_int_equal(ipc_rule_init(rule, "test", "test", 1), 0);
	assert_int_equal(ipc_rule_put(rule, "action", action, 0, &why, &place), 0);
	while ((line = strsep(&rest, "\n"))) {
		char *value = strstr(line, " = ");

		if (!value)
			continue;
		*value = '\0';
		if (ipc_rule_put(rule, line, value + 3, 0, &why, &place))
			fail_msg("%s: %s", value + 3, why.data);
	}
	if (ipc_rule_finish(rule, &why))
		fail_msg("%s: %s", text, why.data);
	ipc_buf_release(&why);
	free(copy);
}

static const struct ipc_kind *kind(const char *cls, const char *name)
{
	const struct ipc_kind *kind = NULL;

	while ((kind = ipc_kind_next(kind)))
		if (strcmp(kind->cls->name, cls) == 0 && strcmp(kind->name, name) == 0)
			return kind;
	fail();
	return NULL;
}

static void make_object(struct ipc_object *object, const char *cls, const char *name)
{
	ipc_record_init(&ipc_object_record, object);
	object->of_kind = kind(cls, name);
	object->of_class = object->of_kind->cls;
}

static bool matches(const char *action, const char *text, const struct ipc_object *object, int64_t *pid)
{
	struct ipc_pids pids;
	struct ipc_rule rule;
	bool result;

	make_rule(&rule, action, text);
	result = ipc_rule_matches(&rule, object, &pids);
	*pid = pids.count ? pids.numbers[0] : 0;
	ipc_rule_release(&rule);
	return result;
}

/* ---- conditions ---------------------------------------------------------------------------------------------------- */

static void each_condition(void **state)
{
	static const struct {
		const char *text;
		bool matches;
	} cases[] = {
		{"", true},
		{"class = shm", true},
		{"class = mq sem", false},
		{"class = sem\nclass = shm", true},
		{"kind = sysv", true},
		{"kind = shm/sysv", true},
		{"kind = posix mq/sysv", false},
		{"class = shm\nkind = sysv", true},
		{"key = 0x52e2c1", true},
		{"key = 0x1 0x520000-0x52ffff", true},
		{"key = private 0x1-0x52e2c0 0x52e2c2-0xffffffff", false},
		{"owner = root app", true},
		{"owner = a*", true},
		{"owner = 1000", true},
		{"owner = ap 100 b*", false},
		{"age = 2h", true},
		{"age = >= 2h", true},
		{"age = < 2h", false},
		{"age = 121m", false},
		{"age = >= 1h < 3h", true},
		{"size = 4096", true},
		{"size = >= 4097", false},
		{"size = < 4K", false},
		{"size = 1K < 8K", true},
		{"class = shm\nowner = app\nkey = 0x52e2c1\nage = 1h\nsize = 1K", true},
		{"class = shm\nowner = app\nkey = 0x52e2c1\nage = 1h\nsize = 1M", false},
		{"name = *", false},
		/* The state is no part of the match. */
		{"state = held", true},
	};
	struct ipc_object object;
	int64_t pid;

	(void)state;
	make_object(&object, "shm", "sysv");
	object.key = 0x52e2c1;
	object.uid = 1000;
	object.user = IPC_BYTES("app");
	object.unused = INT64_C(7200) * 1000000000;
	object.size = 4096;
	object.judged = IPC_STATE_IDLE;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (matches("protect", cases[i].text, &object, &pid) != cases[i].matches)
			fail_msg("%s", cases[i].text);
		assert_int_equal(pid, 0);
	}
	/* How old something has to be before it goes is no condition; how young it may be is one. */
	assert_true(matches("remove", "age = 1d", &object, &pid));
	assert_false(matches("remove", "age = < 1h", &object, &pid));
	object.key = 0;
	assert_true(matches("protect", "key = private", &object, &pid));
	assert_false(matches("protect", "key = 0x1-0xffffffff", &object, &pid));
}

static void what_is_not_known(void **state)
{
	static const char *const texts[] = {"key = private",      "key = 0x1-0xffffffff", "owner = *",
					    "owner = 4294967294", "age = < 100000d",      "age = 0",
					    "size = 0",           "size = < 1P"};
	struct ipc_object object;
	int64_t pid;

	(void)state;
	make_object(&object, "shm", "sysv");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (matches("report", texts[i], &object, &pid))
			fail_msg("%s", texts[i]);
	assert_true(matches("report", "", &object, &pid));
	make_object(&object, "fifo", "fifo");
	assert_false(matches("report", "name = *", &object, &pid));
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

static void names(void **state)
{
	static const struct {
		const char *glob, *name;
		int64_t pid; /* -1: no match */
	} cases[] = {
		{"/x", "/x", 0},
		{"/x", "/xy", -1},
		{"/x*", "/x", 0},
		{"/x?z", "/xyz", 0},
		{"/[!a-c]x", "/dx", 0},
		{"/[!a-c]x", "/bx", -1},
		{"*/b", "/a/b", 0},
		{"/a*d", "/a/b/c/d", 0},
		{"/.x", "/.x", 0},
		{"/*x", "/.x", 0},
		{"/a\\x0ab", "/a\nb", 0},
		{"/a\\x5cb", "/a\\b", 0},
		{"/a?b", "/a b", 0},
		{"/a*\\x0a", "/a\n", 0},
		{"/x /y", "/y", 0},
		/* a number */
		{"/t_<pid>_*", "/t_4711_99", 4711},
		{"/t_<pid>_*", "/t_4711", -1},
		{"/t_<pid>_*", "/t_0_1", -1},
		{"/t_<pid>_*", "/t_04711_1", -1},
		{"/t_<pid>_*", "/t_-1_1", -1},
		{"/t_<pid>_*", "/t_+1_1", -1},
		{"/t_<pid>_*", "/t_x_1", -1},
		{"/t_<pid>_*", "/t__1", -1},
		{"/t_<pid>", "/t_1", 1},
		{"/t_<pid>", "/t_4194304", 4194304},
		{"/t_<pid>", "/t_9999999999", 9999999999},
		{"/t_<pid>", "/t_99999999999", -1},
		{"/t_<pid>", "/t_12 ", -1},
		{"/<pid>", "/12", 12},
		{"*<pid>", "/x12", 12},
		{"*<pid>*", "/x12y34", 12},
		/* a whole number, never a part of one */
		{"/x*<pid>", "/x1234", 1234},
		{"/x1*<pid>", "/x1234", -1},
		{"/x1*<pid>", "/x1_234", 234},
		{"/x12*<pid>y", "/x12345_7y", 7},
		{"/x?<pid>", "/x1234", -1},
		{"/<pid>?", "/1234", -1},
		/* the leftmost that has what it needs on both sides */
		{"/s_*_<pid>_*", "/s_a_12_34", 12},
		{"/s_*_<pid>_*", "/s_1_22_333_4", 22},
		{"/s_*_<pid>_*", "/s__1_22_333_4", 1},
		{"/s_*_<pid>_z", "/s_1_22_333_z", 333},
		/* of several one without a number */
		{"/t_<pid> /t_*", "/t_77", 0},
		{"/t_<pid> /*_<pid>", "/t_77", 77},
	};
	struct ipc_object object;
	int64_t pid;

	(void)state;
	make_object(&object, "shm", "posix");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		bool found;

		snprintf(text, sizeof(text), "name = %s", cases[i].glob);
		object.name = ipc_bytes_of(cases[i].name);
		found = matches("report", text, &object, &pid);
		if ((found ? pid : -1) != cases[i].pid)
			fail_msg("%s %s: %d %lld", cases[i].glob, cases[i].name, found, (long long)pid);
	}
	/* What cannot be a process makes nothing removable. */
	object.name = IPC_BYTES("/t_4194304_1700000000_5");
	assert_true(matches("remove", "name = /t_<pid>_*", &object, &pid));
	assert_int_equal(pid, 4194304);
	assert_true(matches("remove", "name = /t_*_<pid>*", &object, &pid));
	assert_int_equal(pid, 5);
	object.name = IPC_BYTES("/t_4194305");
	assert_false(matches("remove", "name = /t_<pid>", &object, &pid));
	assert_true(matches("protect", "name = /t_<pid>", &object, &pid));
	/* A NUL byte in a name ends nothing. */
	object.name = IPC_BYTES("/t_1\0x");
	assert_false(matches("report", "name = /t_<pid>", &object, &pid));
	assert_true(matches("report", "name = /t_<pid>\\x00x", &object, &pid));
}

static void hostile_names(void **state)
{
	static const char *const globs[] = {
		"name = *<pid>*",
		"name = /1_*_<pid>_*x",
		"name = *_*_*_*_*_*_<pid>_*_*_*_*_*_*_*x",
		"name = *1*1*1*1*1*1*1*x",
		"name = *[0-9]*[0-9]*_<pid>*[!0-9_]*[!0-9_]",
	};
	static char name[4096];
	struct ipc_object object;
	clock_t begin;
	int64_t pid;

	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	make_object(&object, "fifo", "fifo");
	for (size_t i = 0; i < sizeof(name); i += 2)
		memcpy(name + i, "/1", 2);
	for (size_t i = 2; i < sizeof(name); i += 2)
		name[i] = '_';
	object.name = (struct ipc_bytes){name, sizeof(name)};
	for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
		begin = clock();
		assert_int_equal(matches("report", globs[i], &object, &pid), i == 0);
		if (clock() - begin > 10 * CLOCKS_PER_SEC)
			fail_msg("%s took %f s", globs[i], (double)(clock() - begin) / CLOCKS_PER_SEC);
	}
	/* Each byte is printed as four. */
	memset(name, '\n', sizeof(name));
	assert_true(matches("report", "name = *", &object, &pid));
}

/* ---- what it takes --------------------------------------------------------------------------------------------------- */

static void needs(void **state)
{
	struct ipc_rule rules[2];
	struct ipc_policy policy = {.rules = rules, .rule_count = 2};

	(void)state;
	make_rule(&rules[0], "report", "class = shm\nowner = 5");
	make_rule(&rules[1], "report", "class = mq\nowner = app");
	assert_false(ipc_policy_needs(&policy, kind("shm", "sysv")) & IPC_NEED_NAMES);
	assert_true(ipc_policy_needs(&policy, kind("mq", "sysv")) & IPC_NEED_NAMES);
	assert_int_equal(ipc_policy_needs(&policy, kind("fifo", "fifo")), 0);
	ipc_rule_release(&rules[0]);
	ipc_rule_release(&rules[1]);
}

/* Which of several numbers is the process nobody can tell: all of them are handed over. */
static void every_number(void **state)
{
	struct ipc_object object = {0};
	struct ipc_pids pids;
	struct ipc_rule rule;

	(void)state;
	make_object(&object, "shm", "posix");
	object.name = ipc_bytes_of("/s_a_12_34_b_56_");
	make_rule(&rule, "remove", "name = /s_*_<pid>_* /s_a_<pid>_*");
	assert_true(ipc_rule_matches(&rule, &object, &pids));
	assert_int_equal(pids.count, 4);
	assert_int_equal(pids.numbers[0], 12);
	assert_int_equal(pids.numbers[1], 34);
	assert_int_equal(pids.numbers[2], 56);
	assert_int_equal(pids.numbers[3], 12);
	object.name = ipc_bytes_of("/s_1_2_3_4_5_6_7_8_9_10_11_");
	assert_true(ipc_rule_matches(&rule, &object, &pids));
	assert_true(pids.count > IPC_PIDS_MAX);
	ipc_rule_release(&rule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition), cmocka_unit_test(what_is_not_known),
		cmocka_unit_test(names),          cmocka_unit_test(hostile_names),
		cmocka_unit_test(needs),          cmocka_unit_test(every_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
