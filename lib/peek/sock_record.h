/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of what a socket has queued, as BPF writes and the library reads it. Needs the __u types defined before. */
#ifndef IPC_PEEK_SOCK_RECORD_H
#define IPC_PEEK_SOCK_RECORD_H

#define PEEK_SOCK_PART 4096
#define PEEK_SOCK_NAME 128 /* room for a struct sockaddr_un; a power of two */

/* Where the buffers of a socket are, and what they say of their sender. */
enum ipc_peek_sock_shape {
	PEEK_SOCK_UNIX_STREAM,
	PEEK_SOCK_UNIX, /* datagrams and sequenced packets */
	PEEK_SOCK_UDP,
	PEEK_SOCK_RAW,
	PEEK_SOCK_TCP,
	PEEK_SOCK_NETLINK,
	PEEK_SOCK_PLAIN, /* nothing is known of the sender */
};

/* One comes without bytes before those that have them, so that a buffer of which nothing can be read is told of too. */
struct ipc_peek_sock_record {
	__u64 index;
	__u64 length;   /* of the buffer */
	__u64 offset;   /* of this part */
	__u32 size;     /* bytes of it that follow */
	__s32 pid;      /* 0: not known */
	__u32 uid, gid; /* ~0: not known */
	__u32 descriptors;
	__u32 port;      /* of the sender: network order, or of netlink */
	__u32 interface; /* that it came by */
	__u16 version;   /* of IP: 4 or 6, 0: `from` is no address of it */
	__u16 from_size;
	char from[PEEK_SOCK_NAME]; /* unix: a struct sockaddr_un; else the bytes of an IP address */
};

#endif
