/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes with the bytes of a message. */
#include <string.h>

#include "envelope.h"

static const struct {
	const char *class_name, *kind_name;
	enum envelope envelope;
} kinds[] = {
	{"mq", "sysv", ENVELOPE_TYPE},
	{"mq", "posix", ENVELOPE_PRIORITY},
	{"signal", "process", ENVELOPE_SIGNAL},
};

static const char *const names[] = {
	[ENVELOPE_TYPE] = "type",
	[ENVELOPE_PRIORITY] = "priority",
	[ENVELOPE_SIGNAL] = "signal",
};

enum envelope envelope_of(const struct ipc_kind *kind)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].class_name, ipc_class_name(ipc_kind_class(kind))) &&
		    !strcmp(kinds[i].kind_name, ipc_kind_name(kind)))
			return kinds[i].envelope;
	return ENVELOPE_NONE;
}

const char *envelope_name(enum envelope envelope)
{
	return names[envelope];
}
