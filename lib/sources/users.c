/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of users and groups, each looked up once: a look-up may ask a directory server. */
#include "sources/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "model/arena.h"
#include "sources/namespaces.h"

struct name {
	uint64_t id;
	struct ipc_bytes text;
	bool known; /* the place is taken */
};

/* Open addressing; the size is a power of two and never more than half full. */
struct names {
	struct name *items;
	size_t size, count;
	struct name last; /* asked for: mostly the next object has the same */
};

struct ipc_users {
	struct ipc_ctx *ctx;
	struct ipc_arena arena;
	struct ipc_buf buf; /* for the strings of the C library's answers */
	struct names users, groups;
};

struct ipc_users *ipc_users_new(struct ipc_ctx *ctx)
{
	struct ipc_users *users = calloc(1, sizeof(*users));

	if (users)
		users->ctx = ctx;
	return users;
}

void ipc_users_free(struct ipc_users *users)
{
	if (!users)
		return;
	ipc_arena_release(&users->arena);
	ipc_buf_release(&users->buf);
	free(users->users.items);
	free(users->groups.items);
	free(users);
}

static struct name *place_of(const struct names *names, uint64_t id)
{
	size_t at = ipc_hash(&id, sizeof(id)) & (names->size - 1);

	while (names->items[at].known && names->items[at].id != id)
		at = (at + 1) & (names->size - 1);
	return &names->items[at];
}

static bool grow(struct names *names)
{
	struct names bigger = {.size = names->size ? 2 * names->size : 64, .count = names->count};
	size_t i;

	bigger.items = calloc(bigger.size, sizeof(*bigger.items));
	if (!bigger.items)
		return false;
	for (i = 0; i < names->size; i++)
		if (names->items[i].known)
			*place_of(&bigger, names->items[i].id) = names->items[i];
	free(names->items);
	*names = bigger;
	return true;
}

/* One look-up into @buf: 0 with *@name (NULL: there is none), or a positive errno. */
typedef int (*ask_fn)(uint64_t id, struct ipc_buf *buf, const char **name);

static int ask_user(uint64_t id, struct ipc_buf *buf, const char **name)
{
	struct passwd entry, *found = NULL;
	int error = getpwuid_r((uid_t)id, &entry, buf->data, buf->room, &found);

	*name = found ? found->pw_name : NULL;
	return error;
}

static int ask_group(uint64_t id, struct ipc_buf *buf, const char **name)
{
	struct group entry, *found = NULL;
	int error = getgrgid_r((gid_t)id, &entry, buf->data, buf->room, &found);

	*name = found ? found->gr_name : NULL;
	return error;
}

struct question {
	struct ipc_users *users;
	ask_fn ask;
	uint64_t id;
	struct ipc_bytes answer;
};

static int look_up(void *data)
{
	struct question *question = data;
	struct ipc_users *users = question->users;
	const char *name = NULL;
	int error;

	if (ipc_buf_reserve(&users->buf, 1024) < 0)
		return 0;
	/* A group with thousands of members needs a large buffer. */
	while ((error = question->ask(question->id, &users->buf, &name)) == ERANGE && users->buf.room < 1u << 24)
		if (ipc_buf_reserve(&users->buf, 2 * users->buf.room) < 0)
			return 0;
	if (!error && name)
		question->answer = ipc_arena_bytes(&users->arena, name, ipc_bytes_of(name).len);
	return 0;
}

static struct ipc_bytes name_at_home(struct ipc_users *users, ask_fn ask, uint64_t id)
{
	struct question question = {.users = users, .ask = ask, .id = id};

	/* UINT32_MAX is "no id" to the kernel. */
	if (id < UINT32_MAX)
		ipc_ns_at_home(users->ctx, look_up, &question);
	return question.answer;
}

static struct ipc_bytes name_of(struct ipc_users *users, struct names *names, ask_fn ask, uint64_t id)
{
	struct name *place;

	if (names->last.known && names->last.id == id)
		return names->last.text;
	if (2 * names->count >= names->size && !grow(names))
		return IPC_NO_BYTES;
	place = place_of(names, id);
	if (!place->known) {
		*place = (struct name){.id = id, .text = name_at_home(users, ask, id), .known = true};
		names->count++;
	}
	names->last = *place;
	return place->text;
}

struct ipc_bytes ipc_users_user(struct ipc_users *users, uint64_t uid)
{
	return name_of(users, &users->users, ask_user, uid);
}

struct ipc_bytes ipc_users_group(struct ipc_users *users, uint64_t gid)
{
	return name_of(users, &users->groups, ask_group, gid);
}
