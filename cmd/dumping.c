/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumping object after object: what is given, what is left out, and what is to be said about it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "dumping.h"
#include "message.h"

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

/* Why no more pieces are wanted. */
enum { STOPPED = 1, CUT, NO_BYTES };

/* Only now is it known that there is something to be told of the object, and how it is read. */
static bool open_object(struct dumping *dumping)
{
	bool first = !dumping->opened;

	dumping->opened = true;
	return !first || content_open(dumping->content);
}

/* The part of @piece that the limit leaves. False when that is nothing. */
static bool limit(struct dumping *dumping, struct ipc_piece *piece)
{
	uint64_t left = dumping->most - dumping->given;
	uint64_t length = piece->type == IPC_PIECE_MESSAGE ? piece->data.len : piece->length;

	if (!dumping->most || piece->type == IPC_PIECE_ENTRY)
		return true;
	dumping->cut = length > left || !left;
	if (!left)
		return false;
	if (length > left)
		length = left;
	if (piece->type != IPC_PIECE_MESSAGE)
		piece->length = length;
	if (piece->data.data)
		piece->data.len = (size_t)length;
	dumping->given += length;
	return true;
}

static int take_piece(const struct ipc_piece *piece, void *data)
{
	struct dumping *dumping = data;
	struct ipc_piece limited = *piece;

	if (piece->type == IPC_PIECE_ENTRY && dumping->content->ops->bytes_only)
		return NO_BYTES;
	if (ending_come(dumping->ending) || !open_object(dumping))
		return STOPPED;
	dumping->any = true;
	if (limit(dumping, &limited) && !content_piece(dumping->content, &limited))
		return STOPPED;
	/* What was taken out is nowhere else. */
	if (dumping->how.flags & IPC_DUMP_DRAIN && !output_flush(&dumping->app->out))
		return STOPPED;
	return dumping->cut ? CUT : 0;
}

/* ---- what is to be said ------------------------------------------------------------------------------------------ */

static void fail_object(struct dumping *dumping, int error, const char *why)
{
	const char *ref = text_cstr(&dumping->ref);

	complain(dumping->app, ref, "%s", why);
	outcome_add(dumping->outcome, code_of_errno(-error), ref, -error, why);
	dumping->incomplete = true;
}

/* Who named an object wants to know that it is gone, or in nobody's hands any more; of a class it is one less. */
static bool may_be_gone(const struct dumping *dumping)
{
	return !dumping->any && chosen_has(dumping->chosen, ipc_object_kind(dumping->object));
}

/* How much could not be reached, and why, as @note says. */
static void append_unreached(const struct dumping *dumping, struct text *why, const char *note)
{
	unsigned takes = ipc_kind_dump_takes(ipc_object_kind(dumping->object));

	if (dumping->result.unreached == UINT64_MAX)
		text_string(why, "there is more that could not be reached");
	else
		text_format(why, "%" PRIu64 " more could not be reached", dumping->result.unreached);
	if (*note)
		text_format(why, ": %s", note);
	else if (takes & ~dumping->how.flags & IPC_DUMP_PEEK_OFFSET)
		text_string(why, ": --peek-offset or more privileges would show what is there");
}

/* What is about to be overwritten: told before it is. */
static void tell_mark(const char *line, void *data)
{
	struct dumping *dumping = data;

	complain(dumping->app, text_cstr(&dumping->ref), "%s", line);
}

/* What it is worth to know of an object that could be read. */
static void tell(struct dumping *dumping)
{
	const char *ref = text_cstr(&dumping->ref), *note = ipc_ctx_note(dumping->app->ctx);
	struct text why = {0};

	if (dumping->result.unreached)
		append_unreached(dumping, &why, note);
	else
		text_string(&why, note);
	if (why.len)
		complain(dumping->app, ref, "%s", text_cstr(&why));
	if (dumping->result.torn && !*note)
		complain(dumping->app, ref,
			 "it changed meanwhile: what was read may never have been there all at once");
	if (dumping->cut && dumping->tells_cut)
		complain(dumping->app, ref, "cut after %" PRIu64 " bytes", dumping->given);
	if (dumping->result.unreached) {
		outcome_add(dumping->outcome, CODE_PARTIAL, ref, 0, text_cstr(&why));
		dumping->incomplete = true;
	}
	text_release(&why);
}

/* One message was asked for, and there are not so many. */
static bool lacks_message(const struct dumping *dumping)
{
	return dumping->how.count && !dumping->any && !dumping->result.unreached;
}

/* ---- into a format ----------------------------------------------------------------------------------------------- */

static bool settle_failure(struct dumping *dumping, int error)
{
	const char *text = ipc_ctx_error(dumping->app->ctx);
	const struct content_end end = {.error = *text ? text : strerror(-error)};

	if (code_of_errno(-error) == CODE_MISSING && may_be_gone(dumping))
		return true;
	fail_object(dumping, error, end.error);
	return !dumping->opened || content_close(dumping->content, &end);
}

static bool settle_success(struct dumping *dumping)
{
	const char *note = ipc_ctx_note(dumping->app->ctx);
	const struct content_end end = {.note = *note ? note : NULL, .cut = dumping->cut};
	char missing[64];

	if (lacks_message(dumping)) {
		snprintf(missing, sizeof(missing), "there is no message %" PRIu64, dumping->how.first);
		fail_object(dumping, -ENOENT, missing);
		return true;
	}
	if (!open_object(dumping) || !content_close(dumping->content, &end))
		return false;
	tell(dumping);
	return true;
}

/* A signal came, or the output takes nothing more, which is told at the end of the program. */
static bool settle_stop(struct dumping *dumping)
{
	const struct content_end end = {.error = "interrupted"};
	const char *note = ipc_ctx_note(dumping->app->ctx);

	if (*note)
		complain(dumping->app, text_cstr(&dumping->ref), "%s", note);
	if (dumping->app->out.error)
		return false;
	fail_object(dumping, -EINTR, end.error);
	if (dumping->opened)
		content_close(dumping->content, &end);
	return false;
}

static bool render(struct dumping *dumping)
{
	int result;

	dumping->content->object = dumping->object;
	dumping->content->result = &dumping->result;
	/* Nobody shall wait for the reader of our output. */
	dumping->app->out.gathers = ipc_kind_dump_takes(ipc_object_kind(dumping->object)) & IPC_DUMP_HOLDS;
	result = ipc_object_dump(dumping->app->ctx, dumping->object, &dumping->how, take_piece, dumping,
				 &dumping->result);
	dumping->app->out.gathers = false;
	if (result < 0)
		return settle_failure(dumping, result);
	if (result == STOPPED)
		return settle_stop(dumping);
	if (result != NO_BYTES)
		return settle_success(dumping);
	fail_object(dumping, -EINVAL, "it has values, not bytes: --format json shows them");
	return true;
}

/* ---- into an archive --------------------------------------------------------------------------------------------- */

/* "mq:5", its file, and how many bytes were kept there, separated by tabs. */
static bool say_kept(struct dumping *dumping, uint64_t bytes)
{
	struct output *out = &dumping->app->out;

	if (dumping->quiet)
		return true;
	text_string(&out->text, text_cstr(&dumping->ref));
	text_char(&out->text, '\t');
	text_safe(&out->text, archive_file(dumping->archive));
	text_format(&out->text, "\t%" PRIu64 "\n", bytes);
	return output_flush(out); /* it is on disk already */
}

static void fail_to_keep(struct dumping *dumping, enum code code)
{
	const char *ref = text_cstr(&dumping->ref), *why = archive_why(dumping->archive);
	const char *note = ipc_ctx_note(dumping->app->ctx);

	if (*note)
		complain(dumping->app, ref, "%s", note);
	complain(dumping->app, ref, "%s", why);
	outcome_add(dumping->outcome, code, ref, 0, why);
}

static bool keep(struct dumping *dumping)
{
	uint64_t before = archive_bytes(dumping->archive);
	enum code code = archive_add(dumping->archive, dumping->object, &dumping->how);

	if (code && (code != CODE_MISSING || dumping->how.count || !may_be_gone(dumping)))
		fail_to_keep(dumping, code);
	if (code)
		return !ending_come(dumping->ending);
	dumping->result = *archive_result(dumping->archive);
	tell(dumping);
	return say_kept(dumping, archive_bytes(dumping->archive) - before);
}

/* Who names an object and asks for a mark that it cannot have is told so; of a class it concerns those that can. */
static unsigned allowed_marks(const struct dumping *dumping)
{
	const struct ipc_kind *kind = ipc_object_kind(dumping->object);

	return chosen_has(dumping->chosen, kind) ? dumping->marks & ipc_kind_dump_takes(kind) : dumping->marks;
}

bool dumping_add(struct dumping *dumping, const struct ipc_object *object)
{
	struct ipc_value value;

	text_clear(&dumping->ref);
	if (!ipc_object_get_by_name(object, "ref", &value) && !value.null)
		text_escaped(&dumping->ref, value.str);
	dumping->object = object;
	dumping->how.flags = allowed_marks(dumping);
	dumping->how.tell = tell_mark;
	dumping->how.tell_data = dumping;
	dumping->opened = dumping->any = dumping->cut = false;
	dumping->given = 0;
	dumping->result = (struct ipc_dump_result){.source = ""};
	return dumping->archive ? keep(dumping) : render(dumping);
}

void dumping_release(struct dumping *dumping)
{
	text_release(&dumping->ref);
}
