/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dumping: running a kind's dump() where its object lives, and handing its pieces on, as far as they are wanted. */
#include <errno.h>
#include <limits.h>

#include "change.h"
#include "classes/contents.h"

unsigned ipc_kind_dump_takes(const struct ipc_kind *kind)
{
	return kind->contents->refuse ? 0 : kind->contents->takes;
}

bool ipc_kind_dump_help(const struct ipc_kind *kind, struct ipc_dump_help *out)
{
	if (kind->contents->refuse)
		return false;
	*out = kind->contents->help;
	return true;
}

void ipc_piece_get(const struct ipc_piece *piece, const struct ipc_field *field, struct ipc_value *out)
{
	size_t i;

	for (i = 0; piece->record && i < piece->record->count; i++) {
		if (&piece->record->fields[i] != field)
			continue;
		ipc_record_get(piece->entry, field, out);
		return;
	}
	*out = (struct ipc_value){.type = field->type, .null = true};
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

/* The part of @length bytes at *@offset that is wanted: *@skip bytes of it are not, before *@length that are. */
static bool in_range(const struct ipc_dump_how *how, uint64_t *offset, uint64_t *length, uint64_t *skip)
{
	uint64_t left;

	*skip = *offset < how->offset ? how->offset - *offset : 0;
	if (*skip >= *length)
		return false;
	*offset += *skip;
	*length -= *skip;
	left = how->length - (*offset - how->offset);
	if (*offset - how->offset >= how->length)
		return false;
	if (*length > left)
		*length = left;
	return true;
}

/* Does the range end at @offset or before? */
static bool is_beyond(const struct ipc_dump_how *how, uint64_t offset)
{
	return offset >= how->offset && offset - how->offset >= how->length;
}

static int give_range(struct ipc_dumping *dumping, struct ipc_piece *piece)
{
	uint64_t end = piece->offset + piece->length, skip;
	int r = 0;

	if (in_range(&dumping->how, &piece->offset, &piece->length, &skip)) {
		if (piece->data.data)
			piece->data = (struct ipc_bytes){piece->data.data + skip, (size_t)piece->length};
		r = dumping->fn(piece, dumping->data);
	}
	return r || !is_beyond(&dumping->how, end) ? r : IPC_DUMP_ENOUGH;
}

int ipc_dumping_bytes(struct ipc_dumping *dumping, uint64_t offset, struct ipc_bytes data)
{
	struct ipc_piece piece = {.type = IPC_PIECE_BYTES, .data = data, .offset = offset, .length = data.len};

	return give_range(dumping, &piece);
}

int ipc_dumping_part(struct ipc_dumping *dumping, uint64_t offset, struct ipc_bytes data,
		     const struct ipc_record *record, const void *entry)
{
	struct ipc_piece piece = {.type = IPC_PIECE_BYTES,
				  .data = data,
				  .offset = offset,
				  .length = data.len,
				  .record = record,
				  .entry = entry};

	return give_range(dumping, &piece);
}

int ipc_dumping_zeros(struct ipc_dumping *dumping, uint64_t offset, uint64_t length)
{
	struct ipc_piece piece = {.type = IPC_PIECE_ZEROS, .offset = offset, .length = length};

	return give_range(dumping, &piece);
}

static int give_chosen(struct ipc_dumping *dumping, const struct ipc_piece *piece)
{
	const struct ipc_dump_how *how = &dumping->how;
	int r;

	if (piece->index < how->first)
		return 0;
	if (piece->index - how->first >= how->count)
		return IPC_DUMP_ENOUGH;
	r = dumping->fn(piece, dumping->data);
	return r || piece->index - how->first + 1 < how->count ? r : IPC_DUMP_ENOUGH;
}

int ipc_dumping_message(struct ipc_dumping *dumping, uint64_t index, uint64_t length, struct ipc_bytes data,
			const struct ipc_record *record, const void *entry)
{
	struct ipc_piece piece = {.type = IPC_PIECE_MESSAGE,
				  .data = data,
				  .index = index,
				  .length = length,
				  .record = record,
				  .entry = entry};

	return give_chosen(dumping, &piece);
}

int ipc_dumping_entry(struct ipc_dumping *dumping, uint64_t index, const struct ipc_record *record, const void *entry)
{
	struct ipc_piece piece = {.type = IPC_PIECE_ENTRY, .index = index, .record = record, .entry = entry};

	return give_chosen(dumping, &piece);
}

/* ---- the dump ---------------------------------------------------------------------------------------------------- */

static int call_dump(void *data)
{
	struct ipc_dumping *dumping = data;

	return dumping->object->of_kind->contents->dump(dumping);
}

#define FLAGS ((unsigned)(IPC_DUMP_ATTACH | IPC_DUMP_DRAIN | IPC_DUMP_PEEK_OFFSET | IPC_DUMP_PTRACE | IPC_DUMP_UNUSED))

/* What a kind does not take is refused: who asks for it expects something of it. */
static int check(struct ipc_ctx *ctx, const struct ipc_contents *contents, const struct ipc_dump_how *how)
{
	if (how->flags & ~FLAGS)
		return ipc_ctx_fail(ctx, -EINVAL, "it cannot be dumped in a way that is not known");
	if (how->flags & IPC_DUMP_ATTACH & ~contents->takes)
		return ipc_ctx_fail(ctx, -EINVAL, "only System V segments can be attached");
	if (how->flags & IPC_DUMP_DRAIN & ~contents->takes)
		return ipc_ctx_fail(ctx, -EINVAL, "only POSIX queues can be drained");
	if (how->flags & IPC_DUMP_PEEK_OFFSET & ~contents->takes)
		return ipc_ctx_fail(ctx, -EINVAL, "only sockets have a peek offset");
	if (how->flags & IPC_DUMP_PTRACE & ~contents->takes)
		return ipc_ctx_fail(ctx, -EINVAL, "only the signals of a process can be read by ptrace");
	if ((how->offset || how->length) && !(contents->takes & IPC_DUMP_RANGE))
		return ipc_ctx_fail(ctx, -EINVAL, "it is no row of bytes, and so has no offsets");
	if ((how->first || how->count) && !(contents->takes & IPC_DUMP_MESSAGES))
		return ipc_ctx_fail(ctx, -EINVAL, "it has no messages to choose from");
	return 0;
}

int ipc_object_dump(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_dump_how *how,
		    ipc_piece_fn fn, void *data, struct ipc_dump_result *result)
{
	const struct ipc_contents *contents = object->of_kind->contents;
	struct ipc_dump_result unused;
	struct ipc_dumping dumping = {.ctx = ctx,
				      .object = object,
				      .how = how ? *how : (struct ipc_dump_how){0},
				      .result = result ? result : &unused,
				      .fn = fn,
				      .data = data};
	int r = ipc_change_allowed(ctx, object->of_kind, IPC_VERB_DUMP);

	*dumping.result = (struct ipc_dump_result){.source = ""};
	*ctx->note = '\0';
	if (r == 0)
		r = check(ctx, contents, &dumping.how);
	if (r)
		return r;
	if (!dumping.how.length)
		dumping.how.length = UINT64_MAX;
	if (!dumping.how.count)
		dumping.how.count = UINT64_MAX;
	r = ipc_change_call(ctx, object, call_dump, &dumping);
	return r == IPC_DUMP_ENOUGH ? 0 : r;
}
