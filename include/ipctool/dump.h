/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libipctool: what objects contain. Messages in queues, bytes in pipes, sockets and shared memory, values of semaphores,
 * queued signals: read without taking them away, without waking anybody, without leaving a mark, unless a flag of struct
 * ipc_dump_how says otherwise.
 *
 * The object comes from a query (ipctool.h) that was made with ipc_query_want_verb(query, IPC_VERB_DUMP), and is identified
 * anew before it is read: -ESTALE when it was replaced.
 */
#ifndef IPCTOOL_DUMP_H
#define IPCTOOL_DUMP_H

#include <ipctool/change.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a piece of an object's contents is. */
enum ipc_piece_type {
	IPC_PIECE_BYTES,   /* part of a stream or of memory: data at offset */
	IPC_PIECE_ZEROS,   /* memory that was never written: length zero bytes at offset; data is NULL */
	IPC_PIECE_MESSAGE, /* a message, datagram or packet, with its boundaries */
	IPC_PIECE_ENTRY,   /* no bytes: a semaphore, a queued signal, a pending connection */
};

/** One piece of an object's contents. */
struct ipc_piece {
	enum ipc_piece_type type;
	/* What could be read: of a message that is shorter than `length` only its beginning could be. Valid during the call. */
	struct ipc_bytes data;
	uint64_t index;                  /* MESSAGE, ENTRY: from 0, in the order in which they would be received */
	uint64_t offset;                 /* BYTES, ZEROS: from the beginning of the object */
	uint64_t length;                 /* BYTES, ZEROS, MESSAGE: bytes */
	const struct ipc_record *record; /* what else is known of it (type, sender); NULL: nothing */
	const void *entry;               /* private: see ipc_piece_get() */
};

/** Read @field of @piece->record into @out; borrowed from the piece. A field of another record is null. */
IPC_EXPORT void ipc_piece_get(const struct ipc_piece *piece, const struct ipc_field *field, struct ipc_value *out);

/** What may be done to read more, at the cost of a mark; and which choices a kind offers. */
enum ipc_dump_flags {
	/* System V segments that nobody visible has attached: attach them. Rewrites the last user and the attach time. */
	IPC_DUMP_ATTACH = 1u << 0,
	/* POSIX queues: take the messages out, as their receiver would. */
	IPC_DUMP_DRAIN = 1u << 1,
	/* Sockets: reach what lies behind the first datagram by SO_PEEK_OFF, which the socket's owner shares; put back afterwards. */
	IPC_DUMP_PEEK_OFFSET = 1u << 2,
	/* Signals: stop the process for a moment to read what is queued for it. */
	IPC_DUMP_PTRACE = 1u << 3,
	/* With IPC_DUMP_ATTACH: -EBUSY rather than a mark, when the segment was used since it was collected. */
	IPC_DUMP_UNUSED = 1u << 4,
	/* Only as an answer of ipc_kind_dump_takes(): `offset` and `length` mean something; `first` and `count` do. */
	IPC_DUMP_RANGE = 1u << 8,
	IPC_DUMP_MESSAGES = 1u << 9,
	/* Likewise: a copy of a process's descriptor may be open while pieces are given, so gather them first and be quick. */
	IPC_DUMP_HOLDS = 1u << 10,
};

/** How to read an object. All zero: everything, leaving no mark. */
struct ipc_dump_how {
	unsigned flags;          /* IPC_DUMP_ATTACH to IPC_DUMP_UNUSED */
	uint64_t offset, length; /* bytes: leave out so many, then give at most so many; length 0: to the end */
	uint64_t first, count;   /* messages: leave out so many, then give at most so many; count 0: all */
	/*
	 * Called before a mark is made that overwrites evidence (IPC_DUMP_ATTACH), with what it was, as one line of text; before
	 * the first piece, from the same thread. NULL: the line becomes the note (ipc_ctx_note()).
	 */
	void (*tell)(const char *line, void *data);
	void *tell_data;
};

/** How it went. */
struct ipc_dump_result {
	const char *source; /* by which way: "tee", "MSG_COPY", "bpf"; a constant, known with the first piece */
	/* Messages, datagrams or bytes that are known to be there and could not be reached, UINT64_MAX: an unknown number. */
	uint64_t unreached;
	bool torn; /* it changed meanwhile: what was given may never have been there all at once */
};

/** Which IPC_DUMP_* ipc_object_dump() takes for objects of @kind; 0 also when it cannot be dumped (ipc_kind_has()). */
IPC_EXPORT unsigned ipc_kind_dump_takes(const struct ipc_kind *kind);
/** How objects of @kind are read, which privilege that takes, and what it disturbs: sentences for people. */
struct ipc_dump_help {
	const char *read, *privilege, *disturbs;
};
/** False, and *@out untouched, when @kind cannot be dumped. */
IPC_EXPORT bool ipc_kind_dump_help(const struct ipc_kind *kind, struct ipc_dump_help *out);

/** Receives the pieces in order. Anything but 0 stops the dump, which returns it. It may run in a thread of its own. */
typedef int (*ipc_piece_fn)(const struct ipc_piece *piece, void *data);
/**
 * Read what @object contains, and hand it over piece by piece. @how may be NULL. @result (NULL is allowed) is filled also
 * on failure. Returns 0, what @fn returned, or -errno with text; ipc_ctx_note() may have something to tell of a success.
 * Errors: -ENOTSUP (this kind cannot be dumped: the text says what to do instead), -EINVAL (a flag or choice that this kind
 * does not take), -ENOENT, -ESTALE, -EACCES and -EPERM (the text names the privilege), -ENOSYS (this kernel or this build
 * cannot), -ESRCH (nobody through whom it could be read has it any more).
 */
IPC_EXPORT int ipc_object_dump(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_dump_how *how,
			       ipc_piece_fn fn, void *data, struct ipc_dump_result *result);

#ifdef __cplusplus
}
#endif
#endif
