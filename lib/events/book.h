/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The book: the objects that are known, from a look before the watching began and from the events since. It tells a create
 * from an open, an id's key, and what a path that is removed was.
 */
#ifndef IPC_EVENTS_BOOK_H
#define IPC_EVENTS_BOOK_H

#include <linux/types.h>

#include "events/raw.h"
#include "model/bytes.h"
#include "model/key.h"

struct ipc_known {
	struct ipc_known *next, *next_named; /* of the same hash; private */
	struct ipc_key key;
	enum ipc_raw_kind raw;
	uint32_t sysv_key;
	bool has_sysv_key;
	uint64_t ns;           /* inode of its namespace */
	struct ipc_bytes name; /* owned; data NULL: none is known */
	uint64_t opens;        /* since the book knows it, less closes */
	/* A set or semaphore: who made it, and who took it last; pid 0: not seen */
	struct ipc_known_user {
		uint32_t pid, uid;
		int64_t time; /* real, ns */
		char comm[IPC_RAW_COMM + 1];
	} creator, taker;
};

/* Zero-initialised is empty. */
struct ipc_book {
	struct ipc_known **buckets, **named;
	size_t count, room; /* room: a power of two, of both */
};

struct ipc_known *ipc_book_find(const struct ipc_book *book, struct ipc_key key);
/* The one of that name in namespace @ns, of any of the kinds in @raws (bits); the latest. */
struct ipc_known *ipc_book_named(const struct ipc_book *book, unsigned raws, uint64_t ns, struct ipc_bytes name);
/* The one of @key, added unless it is there. @name may be empty. NULL without memory. */
struct ipc_known *ipc_book_add(struct ipc_book *book, struct ipc_key key, enum ipc_raw_kind raw, uint64_t ns,
			       struct ipc_bytes name);
/* Another name. Returns 0 or -ENOMEM. */
int ipc_book_rename(struct ipc_book *book, struct ipc_known *known, struct ipc_bytes name);
void ipc_book_remove(struct ipc_book *book, struct ipc_known *known);
/* Call @fn for each until it returns non-zero, which is returned. */
int ipc_book_each(const struct ipc_book *book, int (*fn)(const struct ipc_known *known, void *data), void *data);
void ipc_book_release(struct ipc_book *book);

#endif
