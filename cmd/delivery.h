/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where received messages go: standard output, each one written out before the next is taken. One that cannot be written
 * is put back where it came from, or told on standard error: it is never lost silently.
 */
#ifndef CMD_DELIVERY_H
#define CMD_DELIVERY_H

#include "ending.h"
#include "outcome.h"
#include "results.h"
#include "target.h"

enum delivery_format {
	DELIVERY_BYTES, /* as they are */
	DELIVERY_LINES, /* each followed by a newline */
	DELIVERY_NULLS, /* each followed by a NUL */
	DELIVERY_JSON,
	DELIVERY_JSON_LINES,
};

struct delivery {
	const struct target *target;
	struct ending *ending;
	enum delivery_format format;
	bool streams;           /* bytes without boundaries */
	struct text ref;        /* of the object, for JSON; private */
	struct results results; /* private */
};

enum delivery_state {
	DELIVERY_READY,
	DELIVERY_BUSY, /* nobody reads now */
	DELIVERY_GONE, /* nobody will ever read */
};

/* Before anything else, once the first four members are set. @object NULL: there is none, and will be no message. */
void delivery_begin(struct delivery *delivery, const struct ipc_object *object);
/* Can standard output be written? Waits at most @milliseconds for that. */
enum delivery_state delivery_state(const struct delivery *delivery, int milliseconds);
/* False after a message when standard output was not even opened for writing: nothing must be taken then. */
bool delivery_check(const struct delivery *delivery);
/* Write @message, wholly. CODE_FAILED: it could not be, which was said, and the program should end. */
enum code delivery_write(struct delivery *delivery, const struct ipc_message *message);
/* Close the document. */
void delivery_end(struct delivery *delivery, const struct outcome *outcome);
void delivery_release(struct delivery *delivery);

#endif
