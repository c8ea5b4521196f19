/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From records to events, with a source that tells what a test wants, on a captured tree: no root, no live objects. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "events/monitor.h"
#include "tree.h"

#define OWN_IPC 4026531839u
#define OTHER_IPC 4026532111u
#define MOST 64
#define EVER ((uint64_t)INT64_MAX)
#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

/* ---- a source that is told what to tell -------------------------------------------------------------------------------- */

struct fake {
	struct ipc_source base;
	struct ipc_raw records[MOST];
	size_t sizes[MOST];
	size_t count, next;
	uint64_t lost;
	int64_t since;
	bool *freed;
};

static int fake_read(struct ipc_source *source, ipc_raw_fn fn, void *data)
{
	struct fake *fake = (struct fake *)source;
	int r = 0;

	while (r == 0 && fake->next < fake->count) {
		r = fn(&fake->records[fake->next], fake->sizes[fake->next], data);
		fake->next++;
	}
	return r;
}

static uint64_t fake_lost(struct ipc_source *source, int64_t *since)
{
	struct fake *fake = (struct fake *)source;

	if (since) {
		*since = fake->since;
		fake->since = 0;
	}
	return fake->lost;
}

static void fake_free(struct ipc_source *source)
{
	struct fake *fake = (struct fake *)source;

	if (fake->freed)
		*fake->freed = true;
	free(fake);
}

static struct fake *fake_new(void)
{
	static const struct ipc_source_ops ops = {"fake", fake_read, fake_lost, fake_free, false};
	struct fake *fake = calloc(1, sizeof(*fake));

	fake->base.ops = &ops;
	fake->base.fd = -1;
	return fake;
}

/* ---- the stage ---------------------------------------------------------------------------------------------------------- */

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_query *query;
	struct ipc_watch how;
	struct ipc_monitor *monitor;
	struct fake *fake;
	char story[4096]; /* "create 5 0x00000001; ..." */
	unsigned told, stop_at;
};

/* A list of queues that has these ids, each with the key 1000 + id. */
static void write_queues(struct fixture *fx, const char *ids)
{
	char text[4096] =
		"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      "
		"rtime      ctime\n";
	int id, used;

	for (; sscanf(ids, "%d%n", &id, &used) == 1; ids += used)
		sprintf(text + strlen(text), "%10d %10d   600 0 0 0 0 0 0 0 0 0 0 1700000100\n", 1000 + id, id);
	tree_write(&fx->tree, "proc/sysvipc/msg", text);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	tree_make(&fx->tree);
	tree_host(&fx->tree, 1700000000);
	write_queues(fx, "5 6");
	assert_int_equal(ipc_ctx_new(&fx->ctx), 0);
	assert_int_equal(ipc_ctx_set_root(fx->ctx, fx->tree.root), 0);
	assert_int_equal(ipc_query_new(fx->ctx, &fx->query), 0);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	ipc_monitor_free(fx->monitor);
	ipc_query_free(fx->query);
	ipc_ctx_unref(fx->ctx);
	tree_remove(&fx->tree);
	free(fx);
	return 0;
}

static void watch(struct fixture *fx, const char *what)
{
	fx->fake = fake_new();
	if (what)
		assert_int_equal(ipc_query_add(fx->query, what, false), 0);
	assert_int_equal(ipc_monitor_new_from(fx->query, &fx->how, &fx->fake->base, &fx->monitor), 0);
	/* The monitor has a copy. */
	fx->query = ipc_query_free(fx->query);
}

static struct ipc_raw *add(struct fixture *fx, enum ipc_event_verb verb, uint64_t id)
{
	struct ipc_raw *raw = &fx->fake->records[fx->fake->count];

	fx->fake->sizes[fx->fake->count++] = sizeof(*raw);
	*raw = (struct ipc_raw){
		.time = EVER / 2,
		.kind = IPC_RAW_MQ_SYSV,
		.verb = (uint8_t)verb,
		.id = id,
		.ns = OWN_IPC,
		.pid = 77,
		.tid = 78,
		.uid = 3,
		.comm = "actor",
	};
	return raw;
}

/* msgget(key, IPC_CREAT | flags) */
static struct ipc_raw *add_get(struct fixture *fx, uint64_t id, uint32_t key, uint32_t has)
{
	struct ipc_raw *raw = add(fx, IPC_EVENT_CREATE, id);

	raw->has = IPC_RAW_KEY | has;
	raw->key = key;
	return raw;
}

static int note(const struct ipc_object *event, void *data)
{
	struct fixture *fx = data;
	char *end = fx->story + strlen(fx->story);
	size_t room = sizeof(fx->story) - (size_t)(end - fx->story);
	struct ipc_value ref, key;

	assert_int_equal(ipc_object_get_by_name(event, "ref", &ref), 0);
	assert_int_equal(ipc_object_get_by_name(event, "key", &key), 0);
	fx->told++;
	if (room > 200)
		end += sprintf(end, "%s%s", *fx->story ? "; " : "", ipc_event_verb_name(ipc_event_verb(event)));
	if (room > 200 && !ref.null)
		end += sprintf(end, " %.*s", (int)ref.str.len, ref.str.data);
	if (room > 200 && !key.null)
		sprintf(end, " %llu", (unsigned long long)key.u);
	return fx->stop_at && fx->told >= fx->stop_at ? 9 : 0;
}

static const char *read_story(struct fixture *fx, int result)
{
	fx->story[0] = '\0';
	assert_int_equal(ipc_monitor_read(fx->monitor, note, fx), result);
	return fx->story;
}

/* ---- what a record comes to ---------------------------------------------------------------------------------------------- */

static void test_create_or_open(void **state)
{
	struct fixture *fx = *state;

	watch(fx, "mq/sysv");
	add_get(fx, 5, 1005, 0);             /* was there */
	add_get(fx, 9, 1009, 0);             /* was not */
	add_get(fx, 9, 1009, 0);             /* but is now */
	add_get(fx, 10, 0, IPC_RAW_NEW);     /* IPC_PRIVATE */
	add_get(fx, 5, 1, IPC_RAW_NEW);      /* the end of the one before was not seen */
	add(fx, IPC_EVENT_REMOVE, 5);        /* its key is that of the new one */
	add(fx, IPC_EVENT_REMOVE, 6);        /* the key is known from the look */
	add(fx, IPC_EVENT_REMOVE, 123456);   /* nobody knows */
	add_get(fx, 6, 1006, 0);             /* and comes again */
	add_get(fx, 6, 1006, 0)->error = 17; /* EEXIST: of which nothing follows */
	assert_string_equal(read_story(fx, 0), "open mq:5 1005; create mq:9 1009; open mq:9 1009; create mq:10 0; "
					       "create mq:5 1; remove mq:5 1; remove mq:6 1006; remove mq:123456; "
					       "create mq:6 1006; create mq:6 1006");
	assert_int_equal(fx->monitor->book.count, 3);
}

static void test_failed_remove(void **state)
{
	struct fixture *fx = *state;

	watch(fx, "mq/sysv");
	add(fx, IPC_EVENT_REMOVE, 5)->error = EPERM;
	add(fx, IPC_EVENT_REMOVE, 5);
	assert_string_equal(read_story(fx, 0), "remove mq:5 1005; remove mq:5 1005");
}

static void test_detail(void **state)
{
	struct fixture *fx = *state;
	struct ipc_raw *raw;

	watch(fx, "mq/sysv");
	raw = add(fx, IPC_EVENT_SEND, 5);
	raw->has = ~0u & ~(uint32_t)(IPC_RAW_KEY | IPC_RAW_SIGNO);
	raw->number = -1;
	raw->links = 3;
	add(fx, IPC_EVENT_SEND, 5)->has = IPC_RAW_SIGNO;
	fx->fake->records[1].number = INT64_MIN;
	add(fx, IPC_EVENT_SEND, UINT64_MAX)->uid = UINT32_MAX;
	memset(fx->fake->records[2].comm, 'x', IPC_RAW_COMM);
	read_story(fx, 0);
	assert_int_equal(fx->told, 3);
}

static void test_unsound(void **state)
{
	struct fixture *fx = *state;
	unsigned i;

	watch(fx, "mq/sysv");
	for (i = 0; i < 8; i++)
		add(fx, IPC_EVENT_CREATE, 100 + i);
	fx->fake->sizes[0] = 0;
	fx->fake->sizes[1] = sizeof(struct ipc_raw) - 1;
	fx->fake->records[2].kind = IPC_RAW_KINDS;
	fx->fake->records[3].kind = IPC_RAW_NONE;
	fx->fake->records[4].verb = IPC_EVENT_VERBS;
	fx->fake->records[5].verb = 255;
	fx->fake->records[6].name_len = 1;
	fx->fake->records[7].name_at = 1;
	assert_string_equal(read_story(fx, 0), "");
	assert_int_equal(fx->monitor->book.count, 2);
}

/* ---- what is asked for ---------------------------------------------------------------------------------------------------- */

static void test_references(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(ipc_query_add(fx->query, "mq:0x7", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "mq:6", false), 0);
	watch(fx, NULL);
	add_get(fx, 20, 7, IPC_RAW_NEW); /* does not exist when it is named */
	add(fx, IPC_EVENT_SEND, 20);     /* its key is known */
	add(fx, IPC_EVENT_SEND, 5);
	add(fx, IPC_EVENT_SEND, 6);
	add(fx, IPC_EVENT_REMOVE, 20);
	add_get(fx, 52, 7, IPC_RAW_NEW); /* made anew */
	add(fx, IPC_EVENT_SEND, 52);
	add(fx, IPC_EVENT_WAKE, 20); /* who slept on it when it went */
	add(fx, IPC_EVENT_SEND, 21);
	assert_string_equal(read_story(fx, 0),
			    "create mq:20 7; send mq:20 7; send mq:6 1006; remove mq:20 7; create mq:52 7; "
			    "send mq:52 7; wake mq:20 7");
}

static void test_life(void **state)
{
	struct fixture *fx = *state;

	watch(fx, NULL);
	add_get(fx, 20, 7, IPC_RAW_NEW);
	add_get(fx, 5, 1005, 0); /* an open */
	add(fx, IPC_EVENT_SEND, 20);
	add(fx, IPC_EVENT_REMOVE, 20);
	assert_string_equal(read_story(fx, 0), "create mq:20 7; remove mq:20 7");
}

static void test_verbs(void **state)
{
	struct fixture *fx = *state;

	/* Of all kinds, also of those that are not shown when nothing is named. */
	fx->how.verbs = BIT(SEND);
	watch(fx, NULL);
	add_get(fx, 20, 7, IPC_RAW_NEW);
	add(fx, IPC_EVENT_SEND, 20);
	add(fx, IPC_EVENT_REMOVE, 20);
	assert_string_equal(read_story(fx, 0), "send mq:20 7");
}

static void test_namespaces(void **state)
{
	struct fixture *fx = *state;

	watch(fx, "mq/sysv");
	add_get(fx, 5, 1, IPC_RAW_NEW)->ns = OTHER_IPC;
	add(fx, IPC_EVENT_SEND, 5);
	assert_string_equal(read_story(fx, 0), "send mq:5 1005");
}

static void test_all_namespaces(void **state)
{
	struct fixture *fx = *state;
	struct ipc_raw *raw;

	ipc_query_all_namespaces(fx->query);
	watch(fx, "mq/sysv");
	add_get(fx, 5, 1, IPC_RAW_NEW)->ns = OTHER_IPC;
	add(fx, IPC_EVENT_SEND, 5);
	/* A process that this /proc does not have. */
	raw = add(fx, IPC_EVENT_SEND, 5);
	raw->ns = OTHER_IPC;
	raw->pid = raw->tid = 0;
	raw = add(fx, IPC_EVENT_SEND, 5);
	raw->ns = OTHER_IPC + 1;
	raw->pid = raw->tid = 0;
	add(fx, IPC_EVENT_SEND, 5)->ns = 0;
	assert_string_equal(read_story(fx, 0), "create mq@4026532111:5 1; send mq:5 1005; send mq@4026532111:5 1; send "
					       "mq@4026532112:5");
}

/* What others do is not told of, but what they make is known. */
static void test_actors(void **state)
{
	struct fixture *fx = *state;
	static const uint64_t uids[] = {3, 4};

	fx->how.uids = uids;
	fx->how.uid_count = 2;
	assert_int_equal(ipc_query_holder(fx->query, "77"), 0);
	watch(fx, "mq/sysv");
	add_get(fx, 20, 7, IPC_RAW_NEW)->pid = 1;
	add_get(fx, 20, 7, 0);
	add(fx, IPC_EVENT_SEND, 20)->pid = 1;
	add(fx, IPC_EVENT_SEND, 20)->uid = 5;
	add(fx, IPC_EVENT_REMOVE, 20)->pid = 1;
	add_get(fx, 20, 7, 0);
	assert_string_equal(read_story(fx, 0), "open mq:20 7; create mq:20 7");
}

static void test_actor_names(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(ipc_query_holder(fx->query, "actor"), 0);
	watch(fx, "mq/sysv");
	strcpy(add(fx, IPC_EVENT_SEND, 5)->comm, "actors");
	strcpy(add(fx, IPC_EVENT_SEND, 6)->comm, "actor");
	assert_string_equal(read_story(fx, 0), "send mq:6 1006");
}

static void test_globs(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(ipc_query_match(fx->query, "/a*"), 0);
	watch(fx, "mq/sysv");
	add(fx, IPC_EVENT_SEND, 5); /* has no name */
	assert_string_equal(read_story(fx, 0), "");
}

/* ---- the reading ---------------------------------------------------------------------------------------------------------- */

static void test_stopped(void **state)
{
	struct fixture *fx = *state;
	unsigned i;

	fx->how.since_start = true;
	watch(fx, "mq/sysv");
	for (i = 0; i < 3; i++)
		add(fx, IPC_EVENT_SEND, 100 + i);
	fx->fake->lost = 4;
	fx->fake->since = 5;
	fx->stop_at = 1;
	assert_string_equal(read_story(fx, 9), "exists mq:5 1005");
	assert_string_equal(read_story(fx, 9), "exists mq:6 1006");
	assert_int_equal(ipc_monitor_lost(fx->monitor), 4);
	assert_string_equal(read_story(fx, 9), "send mq:100");
	assert_string_equal(read_story(fx, 9), "send mq:101");
	assert_string_equal(read_story(fx, 9), "send mq:102");
	assert_string_equal(read_story(fx, 9), "lost");
	assert_string_equal(read_story(fx, 0), "");
	assert_int_equal(ipc_monitor_lost(fx->monitor), 4);
}

static int check_lost(const struct ipc_object *event, void *data)
{
	const struct ipc_event *lost = (const struct ipc_event *)event;
	int64_t now = ipc_event_clock(CLOCK_REALTIME);

	(void)data;
	assert_int_equal(lost->did, IPC_EVENT_LOST);
	assert_int_equal(lost->details.lost, 3);
	assert_true(lost->details.since > now - 60000000000 && lost->details.since <= now + 1000000000);
	return 0;
}

/* The kernel counts it before it writes down when that was. */
static void test_lost_without_time(void **state)
{
	struct fixture *fx = *state;

	watch(fx, "mq/sysv");
	fx->fake->lost = 3;
	assert_int_equal(ipc_monitor_read(fx->monitor, check_lost, NULL), 0);
}

static void test_since_start(void **state)
{
	struct fixture *fx = *state;

	fx->how.since_start = true;
	watch(fx, "mq/sysv");
	add(fx, IPC_EVENT_REMOVE, 50)->time = 1;   /* gone before the look: neither end is told of */
	add_get(fx, 51, 7, IPC_RAW_NEW)->time = 1; /* made and gone before the look: both are */
	add(fx, IPC_EVENT_REMOVE, 51)->time = 1;
	add(fx, IPC_EVENT_SEND, 5)->time = 1;
	add(fx, IPC_EVENT_REMOVE, 50);
	assert_string_equal(read_story(fx, 0),
			    "exists mq:5 1005; exists mq:6 1006; create mq:51 7; remove mq:51 7; send mq:5 "
			    "1005; remove mq:50");
}

/* A query may be run while what it said is watched. */
static void test_query_is_free(void **state)
{
	struct fixture *fx = *state;
	struct ipc_set *set = NULL;

	fx->fake = fake_new();
	assert_int_equal(ipc_query_add(fx->query, "mq:5", false), 0);
	assert_int_equal(ipc_monitor_new_from(fx->query, &fx->how, &fx->fake->base, &fx->monitor), 0);
	add(fx, IPC_EVENT_SEND, 5);
	assert_int_equal(ipc_query_collect(fx->query, &set), 0);
	assert_int_equal(ipc_set_count(set), 1);
	assert_string_equal(read_story(fx, 0), "send mq:5 1005");
	ipc_set_free(set);
}

static void test_refused(void **state)
{
	struct fixture *fx = *state;
	bool freed = false;

	fx->fake = fake_new();
	fx->fake->freed = &freed;
	assert_int_equal(ipc_query_add(fx->query, "mq@4026531839+0x00000001.3:5", false), 0);
	assert_int_equal(ipc_monitor_new_from(fx->query, &fx->how, &fx->fake->base, &fx->monitor), -EINVAL);
	assert_true(freed);
	assert_null(fx->monitor);
}

/* ---- the book put right ----------------------------------------------------------------------------------------------------- */

static const char *lose_and_look(struct fixture *fx)
{
	fx->fake->lost++;
	fx->monitor->next_look = 0;
	return read_story(fx, 0);
}

static void test_look_again(void **state)
{
	struct fixture *fx = *state;
	uint64_t before;

	watch(fx, "mq/sysv");
	write_queues(fx, "6 7 8");
	before = (uint64_t)ipc_event_clock(CLOCK_MONOTONIC);
	assert_string_equal(lose_and_look(fx), "lost");
	/* Its record was under way when it was found already. */
	add_get(fx, 7, 1007, 0)->time = before;
	add_get(fx, 7, 1007, 0);
	/* This one's was lost. */
	add_get(fx, 8, 1008, 0);
	add_get(fx, 6, 1006, 0);
	assert_string_equal(read_story(fx, 0), "create mq:7 1007; open mq:7 1007; open mq:8 1008; open mq:6 1006");
	/* The removal of 5 may be under way; after the second look it is not. */
	assert_int_equal(fx->monitor->book.count, 4);
	lose_and_look(fx);
	assert_int_equal(fx->monitor->book.count, 3);
	add(fx, IPC_EVENT_REMOVE, 8);
	add(fx, IPC_EVENT_REMOVE, 5);
	assert_string_equal(read_story(fx, 0), "remove mq:8 1008; remove mq:5 1005");
}

/* A source that notices later what happened: a look has seen it by then, and it is told of once. */
static void test_late(void **state)
{
	static const struct ipc_source_ops ops = {"late", fake_read, fake_lost, fake_free, true};
	struct fixture *fx = *state;

	watch(fx, "mq/sysv");
	fx->fake->base.ops = &ops;
	write_queues(fx, "5 6 7");
	assert_string_equal(lose_and_look(fx), "lost");
	add_get(fx, 7, 1007, IPC_RAW_NEW);
	add_get(fx, 5, 1, IPC_RAW_NEW);
	add(fx, IPC_EVENT_REMOVE, 7);
	add_get(fx, 7, 1, IPC_RAW_NEW);
	assert_string_equal(read_story(fx, 0), "create mq:7 1007; create mq:5 1; remove mq:7 1007; create mq:7 1");
	ipc_book_find(&fx->monitor->book, (struct ipc_key){IPC_SPACE_MSG, OWN_IPC, 6})->told = true;
	ipc_book_find(&fx->monitor->book, (struct ipc_key){IPC_SPACE_MSG, OWN_IPC, 6})->looked = 1;
	add_get(fx, 6, 1006, IPC_RAW_NEW);
	assert_string_equal(read_story(fx, 0), "");
}

/* Not at each loss: it takes its time. */
static void test_look_seldom(void **state)
{
	struct fixture *fx = *state;

	watch(fx, "mq/sysv");
	write_queues(fx, "7");
	fx->fake->lost++;
	fx->monitor->next_look = INT64_MAX;
	read_story(fx, 0);
	assert_int_equal(fx->monitor->look, 2);
	fx->monitor->next_look = 0;
	read_story(fx, 0);
	assert_int_equal(fx->monitor->look, 3);
	read_story(fx, 0);
	assert_int_equal(fx->monitor->look, 3);
}

/* Ends that nobody tells of: the book does not keep what is not there. */
static void test_bounded(void **state)
{
	struct fixture *fx = *state;
	unsigned i, round;

	watch(fx, "mq/sysv");
	for (round = 0; round < 100; round++) {
		fx->fake->count = fx->fake->next = 0;
		for (i = 0; i < MOST; i++)
			add_get(fx, 1000 + round * MOST + i, 7, IPC_RAW_NEW);
		fx->monitor->book_room = 3 * MOST;
		fx->monitor->next_look = 0;
		read_story(fx, 0);
		assert_true(fx->monitor->book.count < 6 * MOST);
	}
	assert_true(fx->told == 100 * MOST);
}

/* Millions of events need the memory of one. */
static void test_memory(void **state)
{
	struct fixture *fx = *state;
	struct ipc_arena_mark mark;
	unsigned round;

	watch(fx, "mq/sysv");
	add_get(fx, 1000, 7, IPC_RAW_NEW);
	add(fx, IPC_EVENT_SEND, 1000);
	add(fx, IPC_EVENT_REMOVE, 1000);
	read_story(fx, 0);
	mark = ipc_arena_mark(&fx->monitor->query->run->arena);
	for (round = 0; round < 100000; round++) {
		fx->fake->next = 0;
		read_story(fx, 0);
	}
	assert_ptr_equal(ipc_arena_mark(&fx->monitor->query->run->arena).top, mark.top);
	assert_int_equal(ipc_arena_mark(&fx->monitor->query->run->arena).used, mark.used);
	assert_int_equal(fx->monitor->query->answer_room, 0);
	assert_int_equal(fx->monitor->book.count, 2);
	assert_int_equal(fx->told, 300003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create_or_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unsound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verbs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_actors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_actor_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_globs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_without_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_since_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_query_is_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look_seldom, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
