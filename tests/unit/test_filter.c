/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters: what holds for which object, what is not known, needs, and the messages about wrong ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/filter.h"

/* A kind with fields of the types that the common ones lack. */
struct thing {
	struct ipc_object object;
	uint64_t deleted;
	int64_t offset;
	uint64_t start;
	struct ipc_list peers;
};

static const struct ipc_field thing_fields[] = {
	IPC_FIELD(thing, deleted, BOOL, "deleted"),
	IPC_FIELD(thing, offset, INT, "offset"),
	IPC_FIELD(thing, start, ADDRESS, "start"),
	IPC_FIELD_LIST(thing, peers, &ipc_peer_record, IPC_NEED_PEERS, "peers"),
};

static const struct ipc_record thing_record = {"thing", sizeof(struct thing), &ipc_object_record, thing_fields, 4};

static const struct ipc_field *lookup(const char *name, unsigned *needs, void *data)
{
	const struct ipc_field *field = ipc_record_find(&thing_record, name);

	(void)data;
	if (needs)
		*needs = field ? field->needs : 0;
	return field;
}

static const struct ipc_bytes status[] = {IPC_BYTES("dest"), IPC_BYTES("locked")};

static const struct ipc_holder holders[] = {
	{.pid = 4711, .comm = IPC_BYTES("nginx"), .uid = 33, .fd = 0, .addr = IPC_UNKNOWN, .how = IPC_BYTES("fd")},
	{.pid = IPC_UNKNOWN_INT,
	 .comm = IPC_BYTES("a) b (c"),
	 .uid = 0,
	 .fd = IPC_UNKNOWN_INT,
	 .how = IPC_BYTES("map")},
};

static const struct ipc_peer peers[] = {
	{.ref = IPC_BYTES("sock:1"), .holders = {NULL, 0}},
	{.ref = IPC_BYTES("sock:2"), .holders = {holders, 1}},
};

/* Everything known. */
static void make_full(struct thing *t)
{
	ipc_record_init(&thing_record, t);
	t->object.ref = IPC_BYTES("shm:12");
	t->object.class_name = IPC_BYTES("shm");
	t->object.kind_name = IPC_BYTES("sysv");
	t->object.name = IPC_BYTES("/a\nb\\c\0d.log");
	t->object.id = 12;
	t->object.key = 0x52e2c1;
	t->object.uid = 0;
	t->object.mode = 0640;
	t->object.size = 64 << 20;
	t->object.age = 90 * INT64_C(1000000000);
	t->object.changed = INT64_C(1767323045000000000);
	t->object.state = IPC_BYTES("orphan");
	t->object.evidence = IPC_EMPTY_LIST;
	t->object.status = (struct ipc_list){status, 2};
	t->object.holders = (struct ipc_list){holders, 2};
	t->object.waiters = IPC_EMPTY_LIST;
	t->deleted = 1;
	t->offset = -5;
	t->start = 0x7f0000001000;
	t->peers = (struct ipc_list){peers, 2};
}

static struct ipc_filter *parse(const char *text)
{
	struct ipc_filter *filter = NULL;
	struct ipc_buf why = {0};

	if (ipc_filter_parse(text, lookup, NULL, &filter, &why))
		fail_msg("%s: %s", text, why.data);
	assert_null(why.data);
	return filter;
}

static bool holds(const char *text, const void *thing)
{
	struct ipc_filter *filter = parse(text);
	bool result = ipc_filter_test(filter, thing, &thing_record);

	/* The second time from what it remembered. */
	assert_int_equal(ipc_filter_test(filter, thing, &thing_record), result);
	ipc_filter_free(filter);
	return result;
}

static void check(const void *thing, const char *const *yes, const char *const *no)
{
	for (; *yes; yes++) {
		if (!holds(*yes, thing))
			fail_msg("does not hold: %s", *yes);
	}
	for (; *no; no++) {
		if (holds(*no, thing))
			fail_msg("holds: %s", *no);
	}
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void literals_by_type(void **state)
{
	struct thing t;

	(void)state;
	make_full(&t);
	check(&t,
	      LIST("size == 64M", "size == 67108864", "size == \"64MiB\"", "size == 0x4000000", "size >= 0.0625G",
		   "size > 64MB", "size<65M", "key == 0x52e2c1", "key == 0x0052E2C1",
		   "key == 5431999 or key == 5432001", "mode == 0640", "mode == 640", "id == 12", "id == 0xc",
		   "age == 90s", "age == 1m30s", "age > 0", "age < 1h", "changed == 2026-01-02T03:04:05Z",
		   "changed > 2026-01-02", "changed < 2026-01-02T04:05:00+01:00", "offset == -5", "offset < 0",
		   "offset > -0x6", "deleted == true", "deleted == 1", "deleted != false", "start == 0x7f0000001000",
		   "uid == 0", "state == orphan", "state == 'orphan'", "ref == shm:12", "kind > posix",
		   "kind < 'sysvx'", "SIZE == 64m", "State == \"orphan\""),
	      LIST("size == 64MB", "size < 64M", "size != 64M", "key == 0x52e2c2", "mode == 0600", "id > 12",
		   "age >= 2m", "changed <= 2026-01-02", "offset == 5", "deleted == false", "state == Orphan",
		   "state == orph", "kind == 'sys'", "uid != 0"));
}

static void logic(void **state)
{
	struct thing t;

	(void)state;
	make_full(&t);
	check(&t,
	      LIST("class == \"shm\" and size >= 64M and holders", "not id == 13", "! id == 13", "!!id", "not not id",
		   "id == 13 or id == 12", "id == 13 || id == 12", "id == 12 && kind == sysv",
		   /* "and" binds before "or" */
		   "id == 12 or id == 13 and id == 14", "id == 13 and id == 14 or id == 12",
		   "(id == 12 or id == 13) and id", "not (id == 13 and id == 12)", "not(id==13)", "not id == 13 and id",
		   "\tid ==\n12 ", "((((id))))", "id and(size)and holders"),
	      LIST("(id == 12 or id == 13) and id == 14", "not id", "not (id or uid)", "id and not holders",
		   "uid or waiters", "not id == 12 or uid", "not (not (not id))"));
}

static void presence(void **state)
{
	struct thing t;

	(void)state;
	make_full(&t);
	check(&t,
	      LIST("id", "name", "state", "holders", "status", "deleted", "offset", "age", "holders.pid", "not uid"),
	      LIST("uid", "waiters", "evidence", "user", "created", "holders.access", "holders.fd", "waiters.pid"));
	t.object.name = IPC_BYTES("");
	assert_false(holds("name", &t));
	assert_true(holds("name == ''", &t));
}

static void text_and_patterns(void **state)
{
	struct thing t;

	(void)state;
	make_full(&t);
	check(&t,
	      LIST("name == '/a\\x0ab\\x5cc\\x00d.log'", "name == /a\\x0ab\\x5cc\\x00d.log", "name =~ '^/a'",
		   "name =~ ^/a", "name =~ '\\x0a'", "name =~ \"b\\\\c\"", "name =~ \"b\\x5cc\"", "name =~ 'b[\\\\]c'",
		   "name !~ log2", "state =~ \"^(orphan|idle)$\"", "state =~ 'o.*n'", "state =~ ''",
		   "state != 'it\\'s'", "state != \"a\\\"b\"", "state !~ 'it\\'s'", "kind =~ \"s{1}y\"",
		   /* \xHH is the byte, not the dot that matches any */
		   "state !~ 'o\\x2e'", "name =~ '\\x5cc'"),
	      LIST("name == '/a'", "name =~ '^b'", "state =~ '^(idle)$'", "state =~ 'o\\x2ephan'",
		   "state =~ 'ORPHAN'"));
	t.object.name = IPC_BYTES("a.b");
	check(&t, LIST("name =~ 'a\\x2eb'", "name =~ 'a\\.b'", "name =~ \"a[.]b\""), LIST("name =~ 'a\\.c'"));
	t.object.name = IPC_BYTES("it's");
	check(&t, LIST("name == 'it\\'s'", "name == \"it's\"", "name =~ 'it\\'s'"), LIST("name == 'its'"));
}

/* A pattern sees the text to its end and no further, terminated or not. */
static void pattern_ends_with_the_text(void **state)
{
	char *text = malloc(4);
	struct thing t;

	(void)state;
	make_full(&t);
	memcpy(text, "abcd", 4);
	t.object.name = (struct ipc_bytes){text, 3};
	check(&t, LIST("name =~ 'c$'", "name =~ '^abc$'"), LIST("name =~ d"));
	t.object.name = (struct ipc_bytes){text, 4};
	check(&t, LIST("name =~ 'd$'"), LIST("name =~ e"));
	t.object.name = (struct ipc_bytes){text, 0};
	check(&t, LIST("name =~ '^$'"), LIST("name =~ a"));
	free(text);
	/* Longer than any buffer on the stack. */
	text = malloc(100000);
	memset(text, 'x', 100000);
	t.object.name = (struct ipc_bytes){text, 100000};
	check(&t, LIST("name =~ 'x$'"), LIST("name =~ y"));
	free(text);
}

static void lists(void **state)
{
	struct thing t;

	(void)state;
	make_full(&t);
	check(&t,
	      LIST("status == \"dest\"", "status == locked", "status =~ '^lock'", "status != LISTEN", "status !~ x",
		   "status >= 2", "status < 3", "evidence <= 0", "holders == 2", "holders > 1", "holders != 3",
		   "waiters == 0", "holders.comm == \"nginx\"", "holders.pid == 4711", "holders.uid == 0",
		   "holders.comm =~ '^a\\)'", "holders.how == map and holders.how == fd", "holders.comm != sshd",
		   "holders.pid != 4712", "holders.fd == 0", "waiters.pid != 1", "peers.holders.comm == nginx",
		   "peers.holders == 1", "peers.ref == sock:2", "peers.holders.comm != sshd", "peers > 1"),
	      LIST("status == des", "status != dest", "status !~ loc", "status > 2", "holders == 3", "holders != 2",
		   "waiters > 0", "holders.comm == ngin", "holders.comm != nginx", "holders.pid == 4712",
		   "holders.pid < 4711", "waiters.pid == 1", "peers.holders.comm == sshd", "peers.holders == 0",
		   "peers.holders.comm != nginx", "holders.comm !~ nginx"));
}

/* != and !~ are exactly the opposite of == and =~; nothing else holds for what is not known. */
static void not_known(void **state)
{
	struct thing t;

	(void)state;
	ipc_record_init(&thing_record, &t);
	check(&t,
	      LIST("size != 1", "name != x", "name !~ x", "status != dest", "status !~ x", "holders != 0",
		   "holders.pid != 1", "offset != 0", "not size", "not name", "not holders", "not holders.pid",
		   "not size < 1", "deleted != true"),
	      LIST("size == 1", "size < 1", "size >= 0", "size > 0", "size <= 99P", "name == ''", "name < z",
		   "name =~ ''", "status == dest", "status <= 0", "holders == 0", "holders < 1", "holders.pid < 1",
		   "age < 1h", "offset == 0", "offset < 0", "deleted == false", "changed < 2026-01-01"));
}

/* One filter over objects of several records, some of which lack the field. */
static void records_alternate(void **state)
{
	struct ipc_filter *filter = parse("deleted == true or size == 1");
	struct thing t;
	struct ipc_object plain;

	(void)state;
	make_full(&t);
	ipc_record_init(&ipc_object_record, &plain);
	for (int i = 0; i < 3; i++) {
		assert_true(ipc_filter_test(filter, &t.object, &thing_record));
		assert_false(ipc_filter_test(filter, &plain, &ipc_object_record));
	}
	plain.size = 1;
	assert_true(ipc_filter_test(filter, &plain, &ipc_object_record));
	ipc_filter_free(filter);
}

/* A kind that gives a name another type than the one it was parsed with: does not hold, and nothing is misread. */
static void other_type_does_not_hold(void **state)
{
	static const struct ipc_field fields[] = {
		{.name = "size", .type = IPC_TYPE_STRING, .offset = offsetof(struct ipc_object, name), .help = ""},
		{.name = "name", .type = IPC_TYPE_UINT, .offset = offsetof(struct ipc_object, size), .help = ""},
		{.name = "holders", .type = IPC_TYPE_SIZE, .offset = offsetof(struct ipc_object, size), .help = ""},
	};
	static const struct ipc_record record = {"odd", sizeof(struct ipc_object), NULL, fields, 3};
	static const char *const texts[] = {"size == 1", "name =~ 1", "name == 1", "holders == 1", "holders.pid == 1"};
	struct ipc_object object = {.name = IPC_BYTES("1"), .size = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ipc_filter *filter = parse(texts[i]);

		assert_false(ipc_filter_test(filter, &object, &record));
		ipc_filter_free(filter);
	}
}

static void needs(void **state)
{
	static const struct {
		const char *text;
		unsigned needs;
	} cases[] = {
		{"size > 1", 0},
		{"holders", IPC_NEED_HOLDERS},
		{"holders.pid == 1", IPC_NEED_HOLDERS},
		{"not waiters or (user == app and state == idle)",
		 IPC_NEED_WAITERS | IPC_NEED_NAMES | IPC_NEED_OWNER | IPC_NEED_STATE},
		{"peers", IPC_NEED_PEERS},
		{"peers.holders.comm == x", IPC_NEED_PEERS | IPC_NEED_HOLDERS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipc_filter *filter = parse(cases[i].text);

		assert_int_equal(ipc_filter_needs(filter), cases[i].needs);
		ipc_filter_free(filter);
	}
}

static void messages(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{"", "column 1: the expression ends here; expected a field"},
		{"id == 1 sise", "column 9: unexpected 'sise'; expected 'and', 'or' or the end"},
		{"id and sise > 1", "column 8: unknown field 'sise' (did you mean 'size'?)"},
		{"sizze", "column 1: unknown field 'sizze' (did you mean 'size'?)"},
		{"holder", "column 1: unknown field 'holder' (did you mean 'holders'?)"},
		{"szie", "column 1: unknown field 'szie' (did you mean 'size'?)"},
		{"SISE", "column 1: unknown field 'SISE' (did you mean 'size'?)"},
		{"xyzzy", "column 1: unknown field 'xyzzy'"},
		{"\x1b[2J", "column 1: unknown field '\\x1b[2J'"},
		{"64M < size", "column 1: unknown field '64M'"},
		{"holders.pidd", "column 9: no such member 'pidd' (did you mean 'pid'?)"},
		{"holders.", "column 9: empty name"},
		{".pid", "column 1: empty name"},
		{"size.x", "column 1: 'size' has no members"},
		{"peers.holders.comm.x", "column 15: 'comm' has no members"},
		{"size == 64Q", "column 9: expected a size such as 4096, 64M or 1.5GiB, not '64Q'"},
		{"size == 99999999999999999999", "column 9: '99999999999999999999' is too large"},
		{"size == ''", "column 10: expected a size such as 4096, 64M or 1.5GiB, not ''"},
		{"size == -1", "column 9: expected a size such as 4096, 64M or 1.5GiB, not '-1'"},
		{"id == x", "column 7: expected a number, not 'x'"},
		{"mode == 0800", "column 9: expected an octal mode such as 0600, not '0800'"},
		{"mode == 77777", "column 9: '77777' is too large"},
		{"age > 10", "column 7: expected a duration such as 90s or 1h30m, not '10'"},
		{"changed > yesterday",
		 "column 11: expected a time such as 2026-01-02 or 2026-01-02T03:04:05Z, not 'yesterday'"},
		{"deleted == maybe", "column 12: expected true or false, not 'maybe'"},
		{"offset == 9223372036854775808", "column 11: '9223372036854775808' is too large"},
		{"holders == nginx", "column 12: expected a number of entries, not 'nginx'"},
		{"status > dest", "column 10: expected a number of entries, not 'dest'"},
		{"size =~ 6", "column 1: 'size' is no text; patterns match text alone"},
		{"holders =~ nginx", "column 1: 'holders' is a list of records; patterns match a member of it"},
		{"size = 6", "column 6: no operator '='; equality is =="},
		{"size & id", "column 6: no operator '&'"},
		{"name == 'abc", "column 9: quote without an end"},
		{"name == 'abc\\'", "column 9: quote without an end"},
		{"name == 'a\\nb'", "column 11: bad escape: only \\xHH is understood; a backslash is \\x5c"},
		{"name == 'a\\\"b'", "column 11: bad escape: only \\xHH is understood; a backslash is \\x5c"},
		{"name == a\\x4", "column 10: bad escape: only \\xHH is understood; a backslash is \\x5c"},
		{"name =~ 'a\\x00b'", "column 11: a pattern cannot hold \\x00"},
		{"name ==", "column 8: the expression ends here; expected a value"},
		{"name == )", "column 9: unexpected ')'; expected a value"},
		{"name == and", "column 9: unexpected 'and'; expected a value"},
		{"(id", "column 4: the expression ends here; expected 'and', 'or' or ')'"},
		{"id)", "column 3: unexpected ')'; expected 'and', 'or' or the end"},
		{"id and", "column 7: the expression ends here; expected a field"},
		{"and id", "column 1: unexpected 'and'; expected a field"},
		{"not", "column 4: the expression ends here; expected a field"},
		{"()", "column 2: unexpected ')'; expected a field"},
		{"'id'", "column 2: unexpected 'id'; expected a field"},
		{"id == 1 == 1", "column 9: unexpected '=='; expected 'and', 'or' or the end"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipc_filter *filter = (void *)&filter;
		struct ipc_buf why = {0};

		assert_int_equal(ipc_filter_parse(cases[i].text, lookup, NULL, &filter, &why), -EINVAL);
		assert_ptr_equal(filter, &filter);
		assert_string_equal(why.data, cases[i].why);
		ipc_buf_release(&why);
	}
}

static void bad_pattern_says_why(void **state)
{
	struct ipc_filter *filter = NULL;
	struct ipc_buf why = {0};

	(void)state;
	assert_int_equal(ipc_filter_parse("name =~ 'a' and name =~ '[a'", lookup, NULL, &filter, &why), -EINVAL);
	assert_memory_equal(why.data, "column 26: bad pattern '[a': ", 29);
	assert_true(why.len > 29);
	ipc_buf_release(&why);
}

/* @count times @open, then @middle, then @count times @close. */
static char *nested(const char *open, const char *middle, const char *close, size_t count)
{
	struct ipc_buf text = {0};

	for (size_t i = 0; i < count; i++)
		ipc_buf_append(&text, open, strlen(open));
	ipc_buf_append(&text, middle, strlen(middle));
	for (size_t i = 0; i < count; i++)
		ipc_buf_append(&text, close, strlen(close));
	return text.data;
}

static void deep_and_long(void **state)
{
	static const struct {
		const char *open, *close;
		size_t count;
		bool fits;
	} cases[] = {
		{"(", ")", 200, true},     {"(", ")", 201, false},        {"(", ")", 1000000, false},
		{"not ", "", 200, true},   {"not ", "", 1000000, false},  {"!(", ")", 100, true},
		{"!(", ")", 101, false},   {"id and ", "", 300000, true}, {"", " or id", 300000, true},
		{"(", "", 1000000, false},
	};
	struct thing t;

	(void)state;
	make_full(&t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = nested(cases[i].open, "id", cases[i].close, cases[i].count);
		struct ipc_filter *filter = NULL;
		struct ipc_buf why = {0};

		assert_int_equal(ipc_filter_parse(text, lookup, NULL, &filter, &why), cases[i].fits ? 0 : -EINVAL);
		if (cases[i].fits)
			assert_true(ipc_filter_test(filter, &t.object, &thing_record));
		else
			assert_non_null(strstr(why.data, "nested too deeply"));
		ipc_filter_free(filter);
		ipc_buf_release(&why);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_by_type),
		cmocka_unit_test(logic),
		cmocka_unit_test(presence),
		cmocka_unit_test(text_and_patterns),
		cmocka_unit_test(pattern_ends_with_the_text),
		cmocka_unit_test(lists),
		cmocka_unit_test(not_known),
		cmocka_unit_test(records_alternate),
		cmocka_unit_test(other_type_does_not_hold),
		cmocka_unit_test(needs),
		cmocka_unit_test(messages),
		cmocka_unit_test(bad_pattern_says_why),
		cmocka_unit_test(deep_and_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
