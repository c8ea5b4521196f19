/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes with the bytes of a message: the number that its kind puts on it. */
#ifndef CMD_ENVELOPE_H
#define CMD_ENVELOPE_H

#include <ipctool/change.h>

enum envelope {
	ENVELOPE_NONE,
	ENVELOPE_TYPE,     /* System V */
	ENVELOPE_PRIORITY, /* POSIX */
	ENVELOPE_SIGNAL,
};

enum envelope envelope_of(const struct ipc_kind *kind);
/* "type", as in JSON; NULL for ENVELOPE_NONE. */
const char *envelope_name(enum envelope envelope);

#endif
