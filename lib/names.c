/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * References of objects, both ways: a kind's names() lists every spelling once, the first is what `ref` prints and any of them
 * is what a reference is compared with. So what is printed is taken back by construction.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "query.h"

struct ipc_names {
	struct ipc_run *run;
	struct ipc_object *object;
	struct ipc_buf *text; /* ends with the spelling at hand; the run keeps its room */
	size_t start;         /* where that begins */
	bool first_only;
	bool answered;
	int error;
};

/*
 * CLASS[@NS]: -- own namespaces are not printed: a reference without one means the caller's. Mostly it is there from last time.
 */
static int put_place(struct ipc_run *run, const struct ipc_object *object)
{
	uint64_t ns = object->in && !object->in->own ? object->in->inode : 0;
	struct ipc_buf *out = &run->reference;
	int r;

	if (run->place_class == object->of_class && run->place_ns == ns) {
		out->len = run->place_len;
		out->data[out->len - 1] = ':';
		return 0;
	}
	run->place_class = NULL;
	ipc_buf_clear(out);
	r = ipc_buf_append(out, object->of_class->name, strlen(object->of_class->name));
	if (r == 0 && ns)
		r = ipc_buf_format(out, "@%" PRIu64, ns);
	if (r == 0)
		r = ipc_buf_append(out, ":", 1);
	if (r < 0)
		return r;
	run->place_class = object->of_class;
	run->place_ns = ns;
	run->place_len = out->len;
	return 0;
}

/* CLASS[@NS][+IDENTITY]: */
static int put_prefix(struct ipc_run *run, const struct ipc_object *object, struct ipc_bytes identity)
{
	struct ipc_buf *out = &run->reference;
	int r = put_place(run, object);

	if (r < 0 || !identity.data)
		return r;
	out->data[out->len - 1] = '+';
	r = ipc_buf_append(out, identity.data, identity.len);
	return r == 0 ? ipc_buf_append(out, ":", 1) : r;
}

static int add_answer(struct ipc_names *names, size_t target, bool weak, bool replaced)
{
	struct ipc_query *query = names->run->query;
	size_t i;

	for (i = query->answer_count; i-- > 0 && query->answers[i].object == names->object;) {
		if (query->answers[i].target == target) { /* two spellings, one answer: the stronger */
			query->answers[i].weak &= weak;
			return 0;
		}
	}
	if (query->answer_count == query->answer_room) {
		size_t room = query->answer_room ? 2 * query->answer_room : 16;
		struct ipc_answer *grown = realloc(query->answers, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		query->answers = grown;
		query->answer_room = room;
	}
	query->answers[query->answer_count++] =
		(struct ipc_answer){.object = names->object, .target = target, .weak = weak, .replaced = replaced};
	return 0;
}

/* Is the object the one that the handle's identity speaks of? */
static bool same_identity(struct ipc_names *names, const char *identity)
{
	struct ipc_buf own = {0};
	bool same;

	if (!identity)
		return true;
	same = names->object->of_kind->identity && names->object->of_kind->identity(names->object, &own) == 0 &&
	       own.data && strcmp(own.data, identity) == 0;
	ipc_buf_release(&own);
	return same;
}

static void answer(struct ipc_names *names, size_t index, bool weak)
{
	struct ipc_target *target = &names->run->query->targets[index];
	bool same = same_identity(names, target->ref.identity);
	int r;

	r = add_answer(names, index, weak, !same);
	if (r < 0)
		names->error = r;
	else
		names->answered = true;
}

/* Compare the spelling at hand with every target; returns whether further spellings are of use. */
static bool compare(struct ipc_names *names, bool weak)
{
	const struct ipc_query *query = names->run->query;
	struct ipc_bytes text = {names->text->data + names->start, names->text->len - names->start};
	size_t i;

	/* Thousands of references may be given at once (`show $(list -q)`): they are found by hash. */
	for (i = ipc_targets_first(query, text); i != IPC_NO_TARGET; i = query->targets[i].next) {
		const struct ipc_target *target = &query->targets[i];

		if (ipc_bytes_equal(text, target->ref.locator) && ipc_target_may_name(target, names->object->of_kind) &&
		    ipc_target_reaches(names->run, target, names->object->in))
			answer(names, i, weak);
	}
	return names->error == 0;
}

static bool spelled(struct ipc_names *names, bool weak, int error)
{
	if (error < 0) {
		names->error = error;
		return false;
	}
	if (names->first_only)
		return false;
	return compare(names, weak);
}

/* Is another spelling of use? Then the one before is given up. */
static bool next_spelling(struct ipc_names *names)
{
	if (names->error || (names->first_only && names->text->len > names->start))
		return false;
	names->text->len = names->start;
	return true;
}

bool ipc_names_add(struct ipc_names *names, bool weak, const char *format, ...)
{
	va_list args;
	char text[512];
	int n;

	if (!next_spelling(names))
		return false;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		names->error = -ENAMETOOLONG;
		return false;
	}
	return spelled(names, weak, ipc_buf_append(names->text, text, (size_t)n));
}

bool ipc_names_add_number(struct ipc_names *names, bool weak, uint64_t number)
{
	struct ipc_buf *text = names->text;
	int r;

	if (!next_spelling(names))
		return false;
	r = ipc_buf_reserve(text, IPC_UINT_MOST);
	if (r == 0) {
		text->len = (size_t)(ipc_put_uint(text->data + text->len, number) - text->data);
		text->data[text->len] = '\0';
	}
	return spelled(names, weak, r);
}

bool ipc_names_add_bytes(struct ipc_names *names, bool weak, const char *prefix, struct ipc_bytes rest)
{
	int r;

	if (!next_spelling(names))
		return false;
	r = ipc_buf_append(names->text, prefix, strlen(prefix));
	if (r == 0)
		r = ipc_buf_append(names->text, rest.data, rest.len);
	return spelled(names, weak, r);
}

bool ipc_names_add_inode(struct ipc_names *names, bool weak, const struct ipc_object *object)
{
	char text[3 * (1 + IPC_UINT_MOST)], *at = text;

	if (!next_spelling(names))
		return false;
	*at++ = '@';
	at = ipc_put_uint(at, major(object->dev));
	*at++ = ':';
	at = ipc_put_uint(at, minor(object->dev));
	*at++ = ':';
	at = ipc_put_uint(at, object->inode);
	return spelled(names, weak, ipc_buf_append(names->text, text, (size_t)(at - text)));
}

bool ipc_names_add_file(struct ipc_names *names, bool weak, uint64_t device, uint64_t inode)
{
	const struct ipc_query *query = names->run->query;
	size_t i;

	if (names->error || names->first_only)
		return false;
	/* Paths were followed in the caller's mounts: elsewhere they are compared as text. */
	if (names->object->in && names->object->in->type == IPC_NS_MNT && !names->object->in->own)
		return true;
	for (i = ipc_targets_first_file(query, device, inode); i != IPC_NO_TARGET; i = query->targets[i].next_file) {
		const struct ipc_target *target = &query->targets[i];

		if (target->device == device && target->inode == inode &&
		    ipc_target_may_name(target, names->object->of_kind))
			answer(names, i, weak);
	}
	return names->error == 0;
}

struct ipc_bytes ipc_names_reference(struct ipc_run *run, const struct ipc_object *object, struct ipc_bytes identity)
{
	struct ipc_names names = {
		.run = run, .object = (struct ipc_object *)object, .text = &run->reference, .first_only = true};

	if (put_prefix(run, object, identity) < 0)
		return IPC_NO_BYTES;
	names.start = names.text->len;
	object->of_kind->names(object, &names);
	if (names.text->len == names.start)
		return IPC_NO_BYTES;
	return ipc_arena_bytes(&run->arena, names.text->data, names.text->len);
}

bool ipc_names_answer(struct ipc_run *run, struct ipc_object *object, int *error)
{
	struct ipc_names names = {.run = run, .object = object, .text = &run->spelling};

	ipc_buf_clear(names.text);
	object->of_kind->names(object, &names);
	*error = names.error;
	return names.answered;
}

int ipc_identity_inode(const struct ipc_object *object, struct ipc_buf *out)
{
	char text[4 * (1 + IPC_UINT_MOST)], *at = text;

	at = ipc_put_uint(at, major(object->dev));
	*at++ = '.';
	at = ipc_put_uint(at, minor(object->dev));
	*at++ = '.';
	at = ipc_put_uint(at, object->inode);
	/* Some file systems give a new file the inode of one just removed; the birth time tells them apart. */
	if (object->birth != IPC_UNKNOWN_INT) {
		*at++ = '.';
		at = ipc_put_int(at, object->birth);
	}
	return ipc_buf_append(out, text, (size_t)(at - text));
}

int ipc_identity_sysv(const struct ipc_object *object, struct ipc_buf *out)
{
	char text[IPC_HEX_MOST + 1 + IPC_INT_MOST], *at = text;

	at = ipc_put_hex(at, object->key, 8);
	*at++ = '.';
	at = ipc_put_int(at, object->changed / 1000000000);
	return ipc_buf_append(out, text, (size_t)(at - text));
}
