/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where received messages go: standard output, or back. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery.h"
#include "envelope.h"
#include "format.h"
#include "message.h"

#define PATIENCE 100 /* milliseconds between two looks whether a signal came */

static struct output *output_of(const struct delivery *delivery)
{
	return &delivery->target->app->out;
}

/* ---- standard output --------------------------------------------------------------------------------------------- */

enum delivery_state delivery_state(const struct delivery *delivery, int milliseconds)
{
	struct pollfd poll_fd = {.fd = output_of(delivery)->fd, .events = POLLOUT};

	if (poll(&poll_fd, 1, milliseconds) <= 0)
		return DELIVERY_BUSY;
	if (poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL))
		return DELIVERY_GONE;
	return poll_fd.revents & POLLOUT ? DELIVERY_READY : DELIVERY_BUSY;
}

bool delivery_check(const struct delivery *delivery)
{
	int flags = fcntl(output_of(delivery)->fd, F_GETFL);

	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		return true;
	complain(delivery->target->app, delivery->target->operand,
		 "nothing was taken: standard output is not open for writing");
	return false;
}

/* A pipe that is ready takes this much without blocking, when nobody else writes to it. */
static size_t piece_size(const struct delivery *delivery)
{
	struct stat st;

	return fstat(output_of(delivery)->fd, &st) == 0 && S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
}

/*
 * Write what stands in the output, and empty that. While the reader sleeps a signal gives it up, with EINTR. Returns how
 * much was written, all of it unless *@error is set.
 */
static size_t write_all(const struct delivery *delivery, int *error)
{
	struct output *out = output_of(delivery);
	size_t done = 0, piece = piece_size(delivery);
	enum delivery_state state;
	ssize_t n;

	*error = 0;
	while (done < out->text.len && !*error) {
		size_t left = out->text.len - done;

		state = delivery_state(delivery, PATIENCE);
		if (state == DELIVERY_GONE) {
			*error = EPIPE;
		} else if (state == DELIVERY_BUSY) {
			*error = ending_come(delivery->ending) ? EINTR : 0;
		} else {
			n = write(out->fd, out->text.data + done, left < piece ? left : piece);
			if (n >= 0)
				done += (size_t)n;
			else if (errno != EINTR && errno != EAGAIN)
				*error = errno;
			else if (ending_come(delivery->ending))
				*error = EINTR;
		}
	}
	text_clear(&out->text);
	/* A reader that is gone or interrupted is told once, with the message; main tells the rest. */
	if (*error)
		out->error = *error == EINTR ? EPIPE : *error;
	return done;
}

/* ---- what cannot be written -------------------------------------------------------------------------------------- */

static int put_back(const struct delivery *delivery, const struct ipc_message *message)
{
	const struct target *target = delivery->target;
	struct ipc_port *port = NULL;
	int error = ipc_port_open(target->app->ctx, target->object, IPC_VERB_SEND, 0, &port);

	if (error == 0)
		error = ipc_port_send(port, message, 0, NULL);
	ipc_port_close(port);
	return error;
}

/* A message of a queue can go back; bytes of a stream and datagrams would go to somebody else. */
static bool has_way_back(const struct delivery *delivery)
{
	enum envelope envelope = envelope_of(ipc_object_kind(delivery->target->object));

	return envelope == ENVELOPE_TYPE || envelope == ENVELOPE_PRIORITY;
}

static void give_up(const struct delivery *delivery, const struct ipc_message *message, size_t written, int error)
{
	const struct target *target = delivery->target;
	struct ipc_bytes lost = message->data;
	struct text back = {0}, data = {0};
	const char *what = error == EINTR ? "interrupted while nobody read it" : strerror(error);

	if (has_way_back(delivery)) {
		int failed = put_back(delivery, message);

		if (!failed) {
			complain(
				target->app, target->operand,
				"a message could not be written to standard output (%s) and was put back at the end of "
				"the queue",
				what);
			return;
		}
		text_format(&back, " nor put back (%s)", ipc_ctx_error(target->app->ctx));
	}
	if (delivery->streams && written <= lost.len)
		lost = (struct ipc_bytes){lost.data + written, lost.len - written};
	text_escaped(&data, lost);
	complain(target->app, target->operand,
		 "%zu bytes that were taken could not be written to standard output (%s)%s: %s", lost.len, what,
		 text_cstr(&back), text_cstr(&data));
	text_release(&back);
	text_release(&data);
}

/* ---- formats ----------------------------------------------------------------------------------------------------- */

static void append_json(struct delivery *delivery, const struct ipc_message *message)
{
	enum envelope envelope = envelope_of(ipc_object_kind(delivery->target->object));
	struct ipc_bytes data = {message->data.data ? message->data.data : "", message->data.len};
	struct results *results = &delivery->results;

	results_open(results);
	format_json_string(results_key(results, "ref"), (struct ipc_bytes){delivery->ref.data, delivery->ref.len});
	if (envelope != ENVELOPE_NONE)
		text_int(results_key(results, envelope_name(envelope)), message->number);
	text_uint(results_key(results, "length"), data.len);
	format_json_string(results_key(results, "data"), data);
	/* Written by write_all(), not here. */
	text_string(&output_of(delivery)->text, results->lines ? "}\n" : "}");
}

static bool is_json(const struct delivery *delivery)
{
	return delivery->format == DELIVERY_JSON || delivery->format == DELIVERY_JSON_LINES;
}

static void append_message(struct delivery *delivery, const struct ipc_message *message)
{
	struct text *out = &output_of(delivery)->text;

	if (is_json(delivery)) {
		append_json(delivery, message);
		return;
	}
	text_bytes(out, message->data.data, message->data.len);
	if (delivery->format != DELIVERY_BYTES)
		text_char(out, delivery->format == DELIVERY_LINES ? '\n' : '\0');
}

void delivery_begin(struct delivery *delivery, const struct ipc_object *object)
{
	struct ipc_value ref;

	delivery->results =
		(struct results){.out = output_of(delivery), .lines = delivery->format == DELIVERY_JSON_LINES};
	if (object && ipc_object_get_by_name(object, "ref", &ref) == 0 && !ref.null)
		text_bytes(&delivery->ref, ref.str.data, ref.str.len);
	if (is_json(delivery))
		results_begin(&delivery->results, "messages");
}

enum code delivery_write(struct delivery *delivery, const struct ipc_message *message)
{
	size_t written;
	int error;

	append_message(delivery, message);
	written = write_all(delivery, &error);
	if (!error)
		return CODE_DONE;
	give_up(delivery, message, written, error);
	return CODE_FAILED;
}

void delivery_end(struct delivery *delivery, const struct outcome *outcome)
{
	int error;

	if (!is_json(delivery) || output_of(delivery)->error)
		return;
	results_end(&delivery->results, outcome);
	write_all(delivery, &error);
}

void delivery_release(struct delivery *delivery)
{
	text_release(&delivery->ref);
}
