/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a look remembers of each object, to compare the next one with. */
#ifndef IPC_EVENTS_PLAIN_LOOKS_H
#define IPC_EVENTS_PLAIN_LOOKS_H

#include "events/plain.h"
#include "model/idset.h"

struct ipc_plain_seen {
	struct ipc_plain_seen *next; /* of the same hash */
	struct ipc_key key;          /* sockets by their cookie, others as everywhere */
	enum ipc_raw_kind raw;
	uint64_t ns;
	unsigned look; /* the last one that found it */
	uint64_t uid, gid, mode;
	int64_t changed;
	union {
		struct {
			uint64_t key, messages, bytes, max_bytes;
			int64_t last_sender, last_receiver, sent, received;
		} mq;
		struct {
			uint64_t key, attached;
			int64_t last_user, attach_time, detach_time;
			bool removed;
		} shm;
		struct {
			uint64_t key;
			int64_t operated;
			struct ipc_plain_sem {
				unsigned short value;
				int pid;
			} * values; /* NULL: may not be read */
			size_t count;
		} sem;
		struct {
			uint64_t inode; /* 0: it has left its process */
			uint64_t peer;  /* unix: inode of the other end */
			uint16_t family, type, protocol;
			uint8_t state; /* TCP_* */
			bool shared;   /* its address is that of the listening socket that it came from */
			bool ended;    /* it is told of as closed */
			bool connects; /* unix: connected, and whether by a call or as one of a pair the other end may tell */
			struct ipc_raw_address local, remote;
			uint64_t file, device; /* unix: of the socket file, or IPC_UNKNOWN */
			char *name; /* of a unix socket, as bytes behind the family of struct sockaddr_un; NULL: none */
			size_t name_len;
		} sock;
	};
};

/* What it is known by, and what it is called, in a record of its own kind. NULL as ipc_plain_record(). */
struct ipc_raw *ipc_plain_seen_record(struct ipc_plain *plain, const struct ipc_plain_seen *seen,
				      enum ipc_event_verb verb);

/* ---- plain_sysv.c, plain_socks.c: each compares what it remembers with what is there, and remembers that ------------- */

/* Is @seen another object than the one that now has its number? */
bool ipc_plain_sysv_replaced(const struct ipc_plain_seen *seen, const struct ipc_object *object);
/* @fresh: it was not there before. Returns 0 or -ENOMEM. */
int ipc_plain_sysv_compare(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_object *object,
			   bool fresh);
/* It is not there any more. */
void ipc_plain_sysv_gone(struct ipc_plain *plain, const struct ipc_plain_seen *seen);
void ipc_plain_sysv_release(struct ipc_plain_seen *seen);

/* @accepted: of unix sockets, inodes of the other ends of those that were accepted. */
int ipc_plain_sock_compare(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_object *object,
			   bool fresh, struct ipc_idset *accepted);
/* Those that sockets were accepted from have called connect(2). At the end of a look. */
void ipc_plain_sock_settle(struct ipc_plain *plain, struct ipc_plain_seen *seen, const struct ipc_idset *accepted);
/* A socket that nobody has yet: the one that it is to be accepted from is connected. Returns 0 or -ENOMEM. */
int ipc_plain_sock_waits(struct ipc_plain *plain, const struct ipc_object *object, struct ipc_idset *accepted);
void ipc_plain_sock_gone(struct ipc_plain *plain, const struct ipc_plain_seen *seen);
void ipc_plain_sock_release(struct ipc_plain_seen *seen);

/* The socket of @cookie that a look has found, or NULL. */
struct ipc_plain_seen *ipc_plain_seen_socket(const struct ipc_plain_looks *looks, uint64_t ns, uint64_t cookie);

#endif
