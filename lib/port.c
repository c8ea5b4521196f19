/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports: an object opened for sending or receiving, whatever its kind. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "change.h"
#include "sources/deadline.h"

struct port_call {
	struct ipc_port *port;
	ipc_deadline deadline;
	const struct ipc_message *message;
	const struct ipc_choice *choice;
	struct ipc_message *out;
	size_t *sent;
	bool *end;
};

static int call_open(void *data)
{
	const struct port_call *call = data;

	return call->port->changes->open(call->port, call->deadline);
}

static int call_send(void *data)
{
	const struct port_call *call = data;

	return call->port->changes->send(call->port, call->message, call->deadline, call->sent);
}

static int call_receive(void *data)
{
	const struct port_call *call = data;

	return call->port->changes->receive(call->port, call->choice, call->deadline, call->out, call->end);
}

int ipc_port_open(struct ipc_ctx *ctx, const struct ipc_object *object, enum ipc_verb verb, int64_t timeout,
		  struct ipc_port **out)
{
	struct port_call call = {.deadline = ipc_deadline_in(timeout)};
	struct ipc_port *port;
	int r;

	if (verb != IPC_VERB_SEND && verb != IPC_VERB_RECEIVE)
		return ipc_ctx_fail(ctx, -EINVAL, "a port is for sending or for receiving");
	r = ipc_change_allowed(ctx, object->of_kind, verb);
	if (r)
		return r;
	port = calloc(1, sizeof(*port));
	if (!port)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	*port = (struct ipc_port){
		.ctx = ipc_ctx_ref(ctx), .object = object, .changes = object->of_kind->changes, .verb = verb, .fd = -1};
	call.port = port;
	r = ipc_change_call(ctx, object, call_open, &call);
	if (r)
		ipc_port_close(port);
	else
		*out = port;
	return r;
}

bool ipc_port_streams(const struct ipc_port *port)
{
	return port->stream;
}

size_t ipc_port_limit(const struct ipc_port *port)
{
	return port->limit;
}

int ipc_port_send(struct ipc_port *port, const struct ipc_message *message, int64_t timeout, size_t *sent)
{
	size_t unused;
	struct port_call call = {
		.port = port, .message = message, .deadline = ipc_deadline_in(timeout), .sent = sent ? sent : &unused};

	*call.sent = 0;
	if (port->verb != IPC_VERB_SEND)
		return ipc_ctx_fail(port->ctx, -EINVAL, "it was opened for receiving");
	return ipc_change_call(port->ctx, port->object, call_send, &call);
}

int ipc_port_receive(struct ipc_port *port, const struct ipc_choice *choice, int64_t timeout, struct ipc_message *out,
		     bool *end)
{
	static const struct ipc_choice first;
	bool unused;
	struct port_call call = {.port = port,
				 .choice = choice ? choice : &first,
				 .deadline = ipc_deadline_in(timeout),
				 .out = out,
				 .end = end ? end : &unused};

	*call.end = false;
	if (port->verb != IPC_VERB_RECEIVE)
		return ipc_ctx_fail(port->ctx, -EINVAL, "it was opened for sending");
	return ipc_change_call(port->ctx, port->object, call_receive, &call);
}

struct ipc_port *ipc_port_close(struct ipc_port *port)
{
	if (port) {
		if (port->fd >= 0)
			close(port->fd);
		ipc_ctx_unref(port->ctx);
		free(port->buffer);
		free(port->own);
		free(port);
	}
	return NULL;
}
