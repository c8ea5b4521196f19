/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From records of paths to events of the files that are there, with a source that tells what a test wants: no root, no live objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "events/monitor.h"
#include "tree.h"

#define OWN_MNT 4026531841u
#define PRIVATE "/run/.ipctool-0123456789abcdef0123456789abcdef"

/* ---- a source that tells of one thing at a time ------------------------------------------------------------------------- */

struct fake {
	struct ipc_source base;
	struct ipc_raw *raw; /* NULL: nothing */
};

static int fake_read(struct ipc_source *source, ipc_raw_fn fn, void *data)
{
	struct fake *fake = (struct fake *)source;

	return fake->raw ? fn(fake->raw, sizeof(*fake->raw) + fake->raw->name_len, data) : 0;
}

static void fake_free(struct ipc_source *source)
{
	free(source);
}

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_query *query;
	struct ipc_monitor *monitor;
	struct fake *fake;
	char story[1024]; /* "create fifo:/run/a; ..." */
};

static int setup(void **state)
{
	static const struct ipc_source_ops ops = {.name = "fake", .read = fake_read, .free = fake_free};
	static const struct ipc_watch how;
	struct fixture *fx = calloc(1, sizeof(*fx));

	tree_make(&fx->tree);
	tree_host(&fx->tree, 1700000000);
	assert_int_equal(ipc_ctx_new(&fx->ctx), 0);
	assert_int_equal(ipc_ctx_set_root(fx->ctx, fx->tree.root), 0);
	assert_int_equal(ipc_query_new(fx->ctx, &fx->query), 0);
	assert_int_equal(ipc_query_add(fx->query, "fifo", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "shm/posix", false), 0);
	assert_int_equal(ipc_query_add(fx->query, "sem/posix", false), 0);
	fx->fake = calloc(1, sizeof(*fx->fake));
	fx->fake->base = (struct ipc_source){.ops = &ops, .fd = -1};
	assert_int_equal(ipc_monitor_new_from(fx->query, &how, &fx->fake->base, &fx->monitor), 0);
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

static int note(const struct ipc_object *event, void *data)
{
	struct fixture *fx = data;
	size_t len = strlen(fx->story);
	struct ipc_value ref;

	assert_int_equal(ipc_object_get_by_name(event, "ref", &ref), 0);
	snprintf(fx->story + len, sizeof(fx->story) - len, "%s%s %.*s", len ? "; " : "",
		 ipc_event_verb_name(ipc_event_verb(event)), (int)ref.str.len, ref.str.data);
	return 0;
}

/* What comes of it that @verb is done to the file @inode (0: gone before it was looked at) called @name, and from then on @renamed. */
static const char *told(struct fixture *fx, enum ipc_raw_kind kind, enum ipc_event_verb verb, uint64_t inode,
			uint32_t mode, const char *name, const char *renamed)
{
	size_t len = strlen(name), all = len + (renamed ? 1 + strlen(renamed) : 0);
	struct ipc_raw *raw = calloc(1, sizeof(*raw) + all + 1);

	raw->time = INT64_MAX / 2;
	raw->kind = (uint8_t)kind;
	raw->verb = (uint8_t)verb;
	raw->ns = OWN_MNT;
	raw->inode = inode;
	raw->dev = inode ? 7 : 0;
	raw->mode = mode;
	raw->has = verb == IPC_EVENT_CREATE ? IPC_RAW_NEW : 0;
	raw->name_is = IPC_RAW_NAME_WHOLE;
	raw->name_len = (uint16_t)all;
	memcpy(raw->name, name, len);
	if (renamed) {
		raw->second = (uint16_t)(len + 1);
		memcpy(raw->name + raw->second, renamed, strlen(renamed));
	}
	fx->story[0] = '\0';
	fx->fake->raw = raw;
	assert_int_equal(ipc_monitor_read(fx->monitor, note, fx), 0);
	fx->fake->raw = NULL;
	free(raw);
	return fx->story;
}

static const char *created(struct fixture *fx, uint64_t inode, const char *name)
{
	return told(fx, IPC_RAW_FIFO, IPC_EVENT_CREATE, inode, 0, name, NULL);
}

static const char *renamed(struct fixture *fx, uint64_t inode, uint32_t mode, const char *from, const char *to)
{
	return told(fx, IPC_RAW_PATH, IPC_EVENT_CHANGE, inode, mode, from, to);
}

static const char *removed(struct fixture *fx, uint64_t inode, uint32_t mode, const char *name)
{
	return told(fx, IPC_RAW_PATH, IPC_EVENT_REMOVE, inode, mode, name, NULL);
}

/* ---- what is told ---------------------------------------------------------------------------------------------------------- */

static void test_renamed(void **state)
{
	struct fixture *fx = *state;

	assert_string_equal(created(fx, 5, "/run/a"), "create fifo:/run/a");
	assert_string_equal(created(fx, 6, "/run/b"), "create fifo:/run/b");
	assert_string_equal(renamed(fx, 5, S_IFIFO, "/run/a", "/run/b"), "remove fifo:/run/b; change fifo:/run/a");
	assert_string_equal(removed(fx, 5, S_IFIFO, "/run/b"), "remove fifo:/run/b");
	assert_int_equal(fx->monitor->book.count, 0);
}

/* One that nobody has looked at is removed by another that takes its name: that one, and not the other. */
static void test_replaced_unseen(void **state)
{
	struct fixture *fx = *state;

	assert_string_equal(created(fx, 5, "/run/a"), "create fifo:/run/a");
	assert_string_equal(created(fx, 0, "/run/b"), "create fifo:/run/b");
	assert_string_equal(renamed(fx, 5, S_IFIFO, "/run/a", "/run/b"), "remove fifo:/run/b; change fifo:/run/a");
	assert_string_equal(removed(fx, 5, S_IFIFO, "/run/b"), "remove fifo:/run/b");
	assert_int_equal(fx->monitor->book.count, 0);
	/* A segment and a semaphore as well */
	assert_string_equal(told(fx, IPC_RAW_SHM_POSIX, IPC_EVENT_CREATE, 8, 0, "/x", NULL), "create shm:/x");
	assert_string_equal(told(fx, IPC_RAW_SEM_POSIX, IPC_EVENT_CREATE, 0, 0, "/y", NULL), "create sem:/y");
	assert_string_equal(renamed(fx, 8, S_IFREG, "/dev/shm/x", "/dev/shm/sem.y"),
			    "remove sem:/y; remove shm:/x; create sem:/y");
}

/* `remove` calls a file otherwise for a moment: nobody else is to know that name. */
static void test_private_names(void **state)
{
	struct fixture *fx = *state;

	assert_string_equal(created(fx, 5, "/run/a"), "create fifo:/run/a");
	assert_string_equal(renamed(fx, 5, S_IFIFO, "/run/a", PRIVATE), "");
	assert_string_equal(removed(fx, 5, S_IFIFO, PRIVATE), "remove fifo:/run/a");
	/* By its path alone */
	assert_string_equal(created(fx, 5, "/run/a"), "create fifo:/run/a");
	assert_string_equal(renamed(fx, 0, 0, "/run/a", PRIVATE), "");
	assert_string_equal(renamed(fx, 0, 0, PRIVATE, "/run/a"), "");
	assert_string_equal(removed(fx, 0, 0, "/run/a"), "remove fifo:/run/a");
	/* Nothing was known of it. */
	assert_string_equal(renamed(fx, 9, S_IFIFO, "/run/old", PRIVATE), "");
	assert_string_equal(removed(fx, 9, S_IFIFO, PRIVATE), "remove fifo:/run/old");
	assert_string_equal(renamed(fx, 9, S_IFREG, "/run/plain", PRIVATE), "");
	assert_string_equal(removed(fx, 9, S_IFREG, PRIVATE), "");
	/* Not all that begins so is private. */
	assert_string_equal(created(fx, 5, "/run/a"), "create fifo:/run/a");
	assert_string_equal(renamed(fx, 5, S_IFIFO, "/run/a", "/run/.ipctool-own"), "change fifo:/run/a");
	assert_string_equal(removed(fx, 5, S_IFIFO, "/run/.ipctool-own"), "remove fifo:/run/.ipctool-own");
	assert_int_equal(fx->monitor->book.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_renamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced_unseen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_private_names, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
