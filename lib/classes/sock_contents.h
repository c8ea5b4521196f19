/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sockets contain: what reading a stream, reading messages and listing pending connections share. */
#ifndef IPC_CLASSES_SOCK_CONTENTS_H
#define IPC_CLASSES_SOCK_CONTENTS_H

#include <sys/socket.h>

#include "classes/contents.h"
#include "classes/sock.h"
#include "model/arena.h"
#include "peek/peek.h"

/* ---- what comes along -------------------------------------------------------------------------------------------- */

/* What is known of a message, or of a part of a stream, besides its bytes. */
struct ipc_sock_sender {
	struct ipc_bytes from; /* address, as `local` has it */
	int64_t pid;
	uint64_t uid, gid;
	uint64_t passed;             /* descriptors that come along */
	struct ipc_list descriptors; /* what they are: struct ipc_bytes */
};

extern const struct ipc_record ipc_sock_sender_record;

/* A connection that waits to be accepted. */
struct ipc_sock_pending {
	struct ipc_bytes peer; /* address of who connected; absent: it has none */
	struct ipc_bytes ref;  /* the socket of who connected, when it is in the same namespace */
	uint64_t uid;          /* whose that is */
	struct ipc_bytes status;
	uint64_t receive_queue;
	uint64_t cookie;
};

extern const struct ipc_record ipc_sock_pending_record;

/*
 * @address of @len bytes in the words of the fields of @sock, whose protocol it is of; absent when there is none.
 * Borrowed from @arena.
 */
struct ipc_bytes ipc_sock_format_address(struct ipc_arena *arena, const struct ipc_sock *sock, const void *address,
					 size_t len);
/* A reference to the socket of @inode in the namespace of @object. */
struct ipc_bytes ipc_sock_format_reference(struct ipc_arena *arena, const struct ipc_object *object, uint64_t inode);

/* ---- reading ----------------------------------------------------------------------------------------------------- */

#define IPC_SOCK_NO_OFFSET INT64_MIN

/* A socket that is read through a copy of its owner's descriptor. */
struct ipc_sock_reading {
	struct ipc_dumping *dumping;
	const struct ipc_sock *sock;
	int fd; /* -1: let go of, see ipc_sock_let_go() */
	int domain, type, protocol;
	bool stream;          /* a row of bytes, and no messages */
	int64_t peek_offset;  /* SO_PEEK_OFF of its owner: -1 when not in use, IPC_SOCK_NO_OFFSET without one */
	short events;         /* of poll() */
	struct ipc_buf notes; /* for people; see ipc_sock_note() */
};

/* The kinds of contents. Return as dump(). */
int ipc_sock_read_stream(struct ipc_sock_reading *reading);
int ipc_sock_read_messages(struct ipc_sock_reading *reading);
int ipc_sock_list_unix(struct ipc_dumping *dumping);
int ipc_sock_list_inet(struct ipc_dumping *dumping);

/*
 * Close the copy, once what is there has been looked at: as long as it is open its owner's close() has no effect, and who
 * receives the pieces may take a long time.
 */
void ipc_sock_let_go(struct ipc_sock_reading *reading);

/* Something to be told when the dump succeeds. */
void ipc_sock_note(struct ipc_sock_reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What would reach what was not, if that would. */
void ipc_sock_note_offset(struct ipc_sock_reading *reading);
/* Text for an error of recvmsg(). */
int ipc_sock_peek_fail(struct ipc_sock_reading *reading, int error);
/*
 * May a socket with messages be peeked at without a mark? MSG_PEEK would take an error that waits for its owner, and
 * move on a peek offset that its owner uses. False: *@why, for notes.
 */
#define IPC_SOCK_OFFSET_USED "its owner uses SO_PEEK_OFF, which MSG_PEEK would move on"
bool ipc_sock_may_peek(const struct ipc_sock_reading *reading, const char **why);

/* What one MSG_PEEK shows. Zero-initialised is empty. */
struct ipc_sock_peeked {
	struct ipc_buf data;
	uint64_t length; /* of the message; of a stream as many bytes as there are in `data` */
	struct ipc_sock_sender sender;
	struct ipc_arena arena; /* of `sender` */
};

void ipc_sock_peeked_release(struct ipc_sock_peeked *peeked);
/*
 * Peek at @room bytes, or of a message at all. Descriptors that come along are looked at and closed. Returns 0, -EAGAIN
 * (nothing is there), or -errno without text.
 */
int ipc_sock_peek(struct ipc_sock_reading *reading, size_t room, struct ipc_sock_peeked *out);
/* The same from the peek offset on, which it moves: there is no second attempt where @room is too small. */
int ipc_sock_peek_on(struct ipc_sock_reading *reading, size_t room, struct ipc_sock_peeked *out);

/* ---- the peek offset --------------------------------------------------------------------------------------------- */

/*
 * Run @fn while the peek offset of the socket, which its owner shares, is 0, and put it back whatever happens. Signals
 * are held in the meantime, so @fn writes nothing and waits for nothing. Returns what @fn returned, or -errno with text.
 */
int ipc_sock_with_offset(struct ipc_sock_reading *reading, int (*fn)(struct ipc_sock_reading *reading, void *data),
			 void *data);
/* While it runs: peek from @offset next. Returns 0 or -errno. */
int ipc_sock_set_offset(struct ipc_sock_reading *reading, int offset);

#endif
