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

#define IPC_LOOKING INT64_MAX

struct ipc_known {
	struct ipc_known *next, **at, *next_named, **at_named; /* of the same hash; private */
	struct ipc_key key;
	enum ipc_raw_kind raw;
	uint32_t sysv_key;
	bool has_sysv_key;
	uint64_t ns;           /* inode of its namespace */
	struct ipc_bytes name; /* owned; data NULL: none is known */
	uint64_t opens;        /* since the book knows it, less closes */
	uint64_t socket;       /* of a socket file: the inode of the socket that is bound to it, 0: none any more */
	uint32_t look; /* the last of the looks (look.c) that found it, or before which something happened to it */
	bool told;     /* that it exists, or was created */
	/*
	 * It became known by a look that ended then (CLOCK_MONOTONIC, ns) and began when events were watched already: the record of
	 * its beginning may still come, but none of a later time is that. 0: none will. IPC_LOOKING: the look is not over.
	 */
	int64_t looked;
	bool unseen;            /* its inode is not known: it was gone before it was looked at. The key is made up */
	struct ipc_bytes aside; /* owned; what it is called while it has a private name; data NULL: it has none */
	int64_t changed, birth; /* of a set, of a file: real, ns; 0: not known */
	/* A set or semaphore that is recorded: who made it, and who took it last; pid 0: not seen */
	struct ipc_known_user {
		uint32_t pid, uid;
		uint64_t ticks; /* the start of the process as the kernel counts it; 0: not looked, IPC_UNKNOWN: gone */
		int64_t time;   /* real, ns */
		char comm[IPC_RAW_COMM + 1];
	} creator, taker;
};

/* Of one that was removed: who slept in a call about it, or has it mapped, is heard of afterwards. */
struct ipc_gone {
	struct ipc_key key;
	uint32_t sysv_key;
};

#define IPC_BOOK_GONE 64

/* Zero-initialised is empty. */
struct ipc_book {
	struct ipc_known **buckets, **named;
	size_t count, room;                  /* room: a power of two, of both */
	struct ipc_gone gone[IPC_BOOK_GONE]; /* System V objects that were removed, the last ones, in a circle */
	size_t gone_count;                   /* all that ever were */
};

struct ipc_known *ipc_book_find(const struct ipc_book *book, struct ipc_key key);
#define IPC_ANY_NS UINT64_MAX
/* The one of that name in namespace @ns, or any, of any of the kinds in @raws (bits); the latest. */
struct ipc_known *ipc_book_named(const struct ipc_book *book, unsigned raws, uint64_t ns, struct ipc_bytes name);
/* The one of @key, added unless it is there: then it stays as it is. @name may be empty. NULL without memory. */
struct ipc_known *ipc_book_add(struct ipc_book *book, struct ipc_key key, enum ipc_raw_kind raw, uint64_t ns,
			       struct ipc_bytes name);
/* Another name. Returns 0 or -ENOMEM. */
int ipc_book_rename(struct ipc_book *book, struct ipc_known *known, struct ipc_bytes name);
void ipc_book_remove(struct ipc_book *book, struct ipc_known *known);
/* The System V key of one that was removed lately. False: it is not known any more. */
bool ipc_book_gone_key(const struct ipc_book *book, struct ipc_key key, uint32_t *sysv_key);
/* Call @fn for each until it returns non-zero, which is returned. */
int ipc_book_each(const struct ipc_book *book, int (*fn)(const struct ipc_known *known, void *data), void *data);
/* Remove those of the kinds in @raws (bits) that nothing was heard of since look number @look. */
void ipc_book_sweep(struct ipc_book *book, unsigned raws, uint32_t look);
void ipc_book_release(struct ipc_book *book);

#endif
