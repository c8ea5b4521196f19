/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a message queue again: closed to all others, filled, and only then given its limit, owner and mode. What cannot be
 * completed is taken away, by its identity.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "frame.h"
#include "remake_queue.h"

/* What is given last. */
static const char *const late[] = {"mode", "owner", "group"};

#define LATE (sizeof(late) / sizeof(late[0]))

struct queue {
	struct remade *remade;
	FILE *file;              /* its messages */
	uint64_t bytes, longest; /* of them all, and of the longest one */
	char *buffer;            /* for the longest */
	uint64_t room;           /* max-bytes while it is filled; 0: as in the manifest */
	struct ipc_query *query;
	struct ipc_set *set;
	const struct ipc_object *object;
	struct ipc_port *port;
};

/* ---- the messages ------------------------------------------------------------------------------------------------ */

static int fail_message(struct queue *queue, uint64_t index, const char *text)
{
	text_clear(&queue->remade->why);
	text_format(&queue->remade->why, "its file %s: message %" PRIu64 " %s", queue->remade->entry->file, index,
		    text);
	return -EIO;
}

/* What @head says can be sent: the message is there, all of it. */
static int check_head(struct queue *queue, uint64_t index, enum frame_read read, const struct frame *head)
{
	if (read == FRAME_BAD)
		return fail_message(queue, index, "has no line before it that tells its length");
	if (head->there < head->length)
		return fail_message(queue, index,
				    "is there in part only: more of it could not be read when it was dumped");
	if (!head->numbered)
		return fail_message(queue, index, "has neither type nor priority");
	return 0;
}

/* Look at all of them before anything is made. */
static int scan(struct queue *queue)
{
	uint64_t index = 0;
	struct frame head;
	enum frame_read read;
	int error = 0;

	while (!error && (read = frame_read_head(queue->file, &head)) != FRAME_END) {
		error = check_head(queue, index, read, &head);
		if (!error && !frame_read_body(queue->file, &head, NULL))
			error = fail_message(queue, index, "is cut off");
		if (error)
			break;
		queue->bytes += head.length;
		queue->longest = head.length > queue->longest ? head.length : queue->longest;
		index++;
	}
	if (!error && index != queue->remade->entry->count)
		error = remake_fail(queue->remade, -EIO,
				    "its file has another number of messages than the manifest says");
	rewind(queue->file);
	if (!error)
		queue->buffer = malloc((size_t)queue->longest + 1);
	if (!error && !queue->buffer)
		error = remake_fail(queue->remade, -ENOMEM, "no memory for its longest message");
	return error;
}

static int send_one(struct queue *queue, uint64_t index, const struct frame *head)
{
	const struct ipc_message message = {.data = {queue->buffer, (size_t)head->length}, .number = head->number};
	struct remade *remade = queue->remade;
	const char *why;
	int error;

	if (!frame_read_body(queue->file, head, queue->buffer))
		return fail_message(queue, index, "is cut off");
	error = ipc_port_send(queue->port, &message, 0, NULL);
	if (!error)
		return 0;
	why = ipc_ctx_error(remade->app->ctx);
	text_clear(&remade->why);
	text_format(&remade->why, "message %" PRIu64 " of %" PRIu64 " cannot be sent: %s", index, remade->entry->count,
		    *why ? why : strerror(-error));
	return error == -EAGAIN ? -ENOSPC : error;
}

/* As the file was a moment ago, which is checked once more. */
static int send_all(struct queue *queue)
{
	uint64_t index = 0;
	enum frame_read read;
	struct frame head;
	int error = 0;

	while (!error && (read = frame_read_head(queue->file, &head)) != FRAME_END) {
		error = check_head(queue, index, read, &head);
		if (!error && head.length > queue->longest)
			error = fail_message(queue, index, "was changed meanwhile");
		if (!error && ending_come(queue->remade->ending))
			error = remake_fail(queue->remade, -EINTR, "interrupted");
		if (!error)
			error = send_one(queue, index++, &head);
	}
	if (!error && index != queue->remade->entry->count)
		error = fail_message(queue, index, "was there a moment ago");
	return error;
}

/* ---- the queue --------------------------------------------------------------------------------------------------- */

static bool is_late(const char *name)
{
	size_t i;

	for (i = 0; i < LATE; i++)
		if (!strcmp(late[i], name))
			return true;
	return false;
}

/*
 * A limit may have been lowered below what a System V queue had: then it gets its limit when it has its messages. They count
 * with their bytes and, when they are empty, with their number.
 */
static int put_room(struct queue *queue, struct ipc_settings *settings, const char *value)
{
	const struct manifest_entry *entry = queue->remade->entry;
	uint64_t need = queue->bytes > entry->count ? queue->bytes : entry->count;
	struct text room = {0};
	int error;

	if (strtoull(value, NULL, 10) >= need)
		return remake_put(queue->remade, settings, "max-bytes", value);
	queue->room = need;
	text_uint(&room, need);
	error = remake_put(queue->remade, settings, "max-bytes", text_cstr(&room));
	text_release(&room);
	return error;
}

static int put_early(struct queue *queue, struct ipc_settings *settings)
{
	const struct manifest_entry *entry = queue->remade->entry;
	int error = remake_put(queue->remade, settings, "mode", "0600");
	size_t i;

	for (i = 0; i < entry->setting_count && !error; i++) {
		const struct manifest_setting *setting = &entry->settings[i];

		if (!strcmp(setting->name, "max-bytes"))
			error = put_room(queue, settings, setting->value);
		else if (!is_late(setting->name))
			error = remake_put(queue->remade, settings, setting->name, setting->value);
	}
	return error;
}

/* *@any: there is something to be given. */
static int put_late(struct queue *queue, struct ipc_settings *settings, bool *any)
{
	const struct manifest_entry *entry = queue->remade->entry;
	size_t i;
	int error = 0;

	*any = false;
	for (i = 0; i < entry->setting_count && !error; i++) {
		const struct manifest_setting *setting = &entry->settings[i];

		if (!is_late(setting->name) && !(queue->room && !strcmp(setting->name, "max-bytes")))
			continue;
		error = remake_put(queue->remade, settings, setting->name, setting->value);
		*any = true;
	}
	return error;
}

static int create(struct queue *queue)
{
	struct ipc_settings *settings = NULL;
	int error = ipc_settings_new(queue->remade->app->ctx, &settings);

	if (error)
		return remake_fail_library(queue->remade, error);
	error = put_early(queue, settings);
	if (!error)
		error = remake_create(queue->remade, settings);
	ipc_settings_free(settings);
	return error;
}

/* The object that was just made, as the library knows objects: by an identity that a later one has not. */
static int find(struct queue *queue)
{
	int error = ipc_query_new(queue->remade->app->ctx, &queue->query);

	if (!error)
		error = ipc_query_add(queue->query, text_cstr(&queue->remade->reference), false);
	if (!error) {
		ipc_query_want_verb(queue->query, IPC_VERB_SEND);
		ipc_query_want_verb(queue->query, IPC_VERB_SET);
		ipc_query_want_removal(queue->query, IPC_FORCE_HELD);
		error = ipc_query_collect(queue->query, &queue->set);
	}
	if (error)
		return remake_fail_library(queue->remade, error);
	queue->object = ipc_set_get(queue->set, 0);
	return queue->object ? 0 : remake_fail(queue->remade, -ENOENT, "somebody removed it at once");
}

static int fill(struct queue *queue)
{
	int error = ipc_port_open(queue->remade->app->ctx, queue->object, IPC_VERB_SEND, 0, &queue->port);

	error = error ? remake_fail_library(queue->remade, error) : send_all(queue);
	queue->port = ipc_port_close(queue->port);
	return error;
}

static int give(struct queue *queue)
{
	struct ipc_ctx *ctx = queue->remade->app->ctx;
	struct ipc_settings *settings = NULL;
	bool any = false;
	int error = ipc_settings_new(ctx, &settings);

	if (error)
		return remake_fail_library(queue->remade, error);
	error = put_late(queue, settings, &any);
	if (!error && any) {
		error = ipc_object_change(ctx, queue->object, settings);
		if (error)
			remake_fail_library(queue->remade, error);
	}
	ipc_settings_free(settings);
	return error;
}

/* It is ours, and nobody else was let in: whoever has it open is of the same user. */
static void undo(struct queue *queue)
{
	const struct ipc_removal how = {.force = IPC_FORCE_HELD};
	struct ipc_ctx *ctx = queue->remade->app->ctx;
	struct text *why = &queue->remade->why;

	if (!queue->object)
		text_format(why, "; %s was made, and may be left", text_cstr(&queue->remade->reference));
	else if (ipc_object_remove(ctx, queue->object, &how))
		text_format(why, "; %s was made, and cannot be removed: %s", text_cstr(&queue->remade->reference),
			    ipc_ctx_error(ctx));
	else
		text_string(why, "; nothing was made");
	text_clear(&queue->remade->reference);
}

static int make(struct queue *queue)
{
	int error = scan(queue);

	if (!error)
		error = create(queue);
	if (error)
		return error;
	error = find(queue);
	if (!error)
		error = fill(queue);
	if (!error)
		error = give(queue);
	if (error)
		undo(queue);
	return error;
}

int remake_queue(struct remade *remade, int fd)
{
	struct queue queue = {.remade = remade, .file = fdopen(fd, "r")};
	int error;

	if (!queue.file) {
		close(fd);
		text_no_memory();
	}
	error = make(&queue);
	fclose(queue.file);
	free(queue.buffer);
	ipc_set_free(queue.set);
	ipc_query_free(queue.query);
	return error;
}
