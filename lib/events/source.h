/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where events come from: one interface, two sources behind it. */
#ifndef IPC_EVENTS_SOURCE_H
#define IPC_EVENTS_SOURCE_H

#include <linux/types.h>

#include "events/raw.h"
#include "query.h"

struct ipc_source;

/* Takes one record; @size with the name. Negative: stop, this one was taken. The record is the source's. */
typedef int (*ipc_raw_fn)(const struct ipc_raw *raw, size_t size, void *data);

struct ipc_source_ops {
	const char *name; /* "bpf", "netlink" */
	/* Hand over what is there, without waiting. Returns 0, what @fn returned, or -errno with text. */
	int (*read)(struct ipc_source *source, ipc_raw_fn fn, void *data);
	/*
	 * How many were lost since it began; *@since: when the first of those that were not asked for before was, CLOCK_MONOTONIC. With NULL
	 * for @since nothing counts as asked for. The whole NULL: never any.
	 */
	uint64_t (*lost)(struct ipc_source *source, int64_t *since);
	void (*free)(struct ipc_source *source);
	bool late; /* the time of a record is when it was noticed, not when it happened */
};

/* Each source's own struct begins with this. */
struct ipc_source {
	const struct ipc_source_ops *ops;
	int fd;           /* readable when there is something */
	char method[160]; /* one line for people */
};

/* What is to be watched. Borrowed for as long as the source lives. */
struct ipc_source_want {
	struct ipc_ctx *ctx;
	struct ipc_query *query;
	const struct ipc_watch *how;
	const struct ipc_settings *settings; /* all that a source needs to leave out what nobody asked for */
	/* For what the source cannot tell; the text is copied. */
	void (*blind)(void *data, const char *format, ...) __attribute__((format(printf, 2, 3)));
	void *data;
};

/*
 * Both return 0 or -errno with text: -EPERM (a privilege is missing), -ENOTSUP (this kernel or build has not what it takes),
 * -ENOMEM, or why something cannot be opened.
 */
int ipc_source_bpf_new(const struct ipc_source_want *want, struct ipc_source **out);
int ipc_source_plain_new(const struct ipc_source_want *want, struct ipc_source **out);

#endif
