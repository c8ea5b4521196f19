/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets of all kinds: the struct that their collectors fill, and what those collectors share. */
#ifndef IPC_CLASSES_SOCK_H
#define IPC_CLASSES_SOCK_H

#include "classes/classes.h"
#include "model/idset.h"
#include "sources/netlink.h"

struct ipc_sock {
	struct ipc_object base;
	struct ipc_bytes type;     /* "stream", "dgram", "seqpacket", "raw" */
	struct ipc_bytes protocol; /* "tcp", "udplite", "icmp", "route", "all" */
	struct ipc_bytes local;    /* path, "@abstract", "127.0.0.1:80", "[fe80::1%eth0]:80", "route:4711" */
	struct ipc_bytes peer;     /* an address of the same form; of a unix socket the reference of the other end */
	struct ipc_list peers;     /* of struct ipc_peer */
	struct ipc_bytes listener; /* reference of the listening socket that it came from */
	uint64_t receive_queue;    /* bytes to be read; of a listening socket connections to be accepted */
	uint64_t send_queue;       /* bytes that the other side has not taken yet */
	uint64_t backlog;          /* connections that a listening socket may keep waiting */
	uint64_t memory;           /* bytes that the kernel charges to it */
	uint64_t cookie;           /* never given to another socket while the host is up */
	uint64_t bound_inode;      /* of the socket file */
	struct ipc_bytes timer;    /* "retransmit", "keepalive", "timewait", "persist"; null when none runs */
	int64_t timer_expires;     /* ns from now */
	uint64_t retransmits;
	struct ipc_bytes shutdown; /* "r", "w", "rw"; "" while both directions are open */
	struct ipc_bytes interface;

	/* not fields */
	struct ipc_bytes path; /* of a unix socket with an absolute name: in the normal form of references */
	uint64_t bound_device; /* makedev of the socket file's superblock, IPC_UNKNOWN without one */
	bool connected;        /* gives way to listening and unconnected sockets where they share an address */
	bool displaced;        /* a stale file has taken the place of its own: gives way to that one */
	bool subflow;          /* a TCP socket inside an MPTCP one, whose inode it reports */
	bool stale;            /* a socket file, no socket */
	const char *doubt;     /* stale: what keeps the file from being proven abandoned; NULL: nothing */
	unsigned namespaces;   /* stale: network namespaces that were searched for a socket bound to it */
};

extern const struct ipc_record ipc_sock_record;

extern const struct ipc_kind ipc_kind_sock_unix, ipc_kind_sock_tcp, ipc_kind_sock_udp, ipc_kind_sock_raw,
	ipc_kind_sock_mptcp, ipc_kind_sock_sctp, ipc_kind_sock_dccp, ipc_kind_sock_packet, ipc_kind_sock_netlink,
	ipc_kind_sock_vsock, ipc_kind_sock_xdp;
extern const struct ipc_changes ipc_changes_sock_unix, ipc_changes_sock_tcp, ipc_changes_sock_udp,
	ipc_changes_sock_other; /* of kinds that nobody but their program changes */

/* ---- operations of kinds ----------------------------------------------------------------------------------- */

/* The local address, of sockets that have one. Absent for objects of other classes. */
struct ipc_bytes ipc_sock_address(const struct ipc_object *object);
/* Is it a socket file that nobody is bound to? */
bool ipc_sock_is_file(const struct ipc_object *object);

/* The inode alone: sockets without an address of use to anybody else. */
void ipc_sock_names(const struct ipc_object *object, struct ipc_names *names);
/* The cookie in hexadecimal. */
int ipc_sock_identity(const struct ipc_object *object, struct ipc_buf *out);
/* A socket is held as long as it exists: the kernel takes it away with its last user. */
enum ipc_state ipc_sock_judge(struct ipc_run *run, const struct ipc_object *object);

/* ---- filling ------------------------------------------------------------------------------------------------- */

/* What one collect() carries along. */
struct ipc_sock_walk {
	struct ipc_run *run;
	const struct ipc_kind *kind;
	struct ipc_diag *diag;
	struct ipc_idset seen; /* cookies: under load the kernel gives a socket twice */
	bool partial;          /* a dump was interrupted */
	size_t inode_at;       /* of an answer; 0: holders are looked up one by one */
};

int ipc_sock_walk_begin(struct ipc_sock_walk *walk, struct ipc_run *run, const struct ipc_kind *kind);
void ipc_sock_walk_end(struct ipc_sock_walk *walk);
/* As ipc_diag_dump(); a dump that was interrupted is recorded as a problem and counts as success. */
int ipc_sock_walk_dump(struct ipc_sock_walk *walk, const char *name, const void *request, size_t size, size_t min,
		       ipc_diag_fn fn, void *data);
/* True when the socket of @cookie was met before in this walk. */
bool ipc_sock_walk_met(struct ipc_sock_walk *walk, const uint32_t cookie[2]);
/*
 * A new object with inode (0: it has none), cookie and the keys under which holders and waiters are found; NULL
 * without memory.
 */
struct ipc_sock *ipc_sock_walk_object(struct ipc_sock_walk *walk, uint64_t inode, const uint32_t cookie[2]);

/*
 * A whole collect() for a kind that one dump lists: @protocol as /proc/net/protocols calls it, @fn gets the walk. The
 * captured file has the kind's name.
 */
int ipc_sock_collect(struct ipc_run *run, const struct ipc_kind *kind, const char *protocol, const void *request,
		     size_t size, size_t min, ipc_diag_fn fn);

/*
 * How many sockets of @protocol /proc/net/protocols counts: 0 or more, -ENOENT when there is no such protocol, -errno
 * when it cannot be read.
 */
int64_t ipc_sock_protocol_count(struct ipc_run *run, const char *protocol);
/* The next count is of now: otherwise they are those of the first question in a namespace. */
void ipc_sock_protocols_forget(struct ipc_run *run);
/*
 * The kernel cannot dump sockets of @kind (@error from ipc_diag_dump()). An ordinary lack of a feature is worth a
 * word only when @kind was asked for by name, or when @sockets says that there are some to miss. Returns 0, or @error
 * when it is of another sort.
 */
int ipc_sock_unavailable(struct ipc_run *run, const struct ipc_kind *kind, int error, int64_t sockets);

/* A one-word status list for a TCP_* state number, in the words that ss prints. */
struct ipc_list ipc_sock_status(unsigned state);
struct ipc_bytes ipc_sock_type(unsigned type);
struct ipc_bytes ipc_sock_shutdown(unsigned bits);
/* Fill the queues with what sock_diag says of a socket in the TCP_* @state: @send of a listening one is its backlog. */
void ipc_sock_fill_queues(struct ipc_sock *sock, unsigned state, uint64_t receive, uint64_t send);
/* Sum of a SK_MEMINFO_* attribute; IPC_UNKNOWN for NULL. */
uint64_t ipc_sock_memory(const struct nlattr *attr);
/* A reference to the socket of @inode in the namespace of the run. */
struct ipc_bytes ipc_sock_reference(struct ipc_run *run, uint64_t inode);
/* A list of one peer, to which ipc_sock_finish() adds its holders. */
struct ipc_list ipc_sock_peer(struct ipc_run *run, uint64_t inode);
void ipc_sock_finish(struct ipc_run *run, struct ipc_object *object);
int ipc_sock_peers(const struct ipc_object *object, struct ipc_keyset *keys);
/* Name of the interface @index in the namespace of the thread; its number where the name is not known. 0: null. */
struct ipc_bytes ipc_sock_interface(struct ipc_run *run, unsigned index);

#define IPC_SOCK_NET_KIND(text, describe)                                             \
	.name = (text), .help = (describe), .cls = &ipc_class_sock, .ns = IPC_NS_NET, \
	.spaces = IPC_SPACE_BIT(IPC_SPACE_SOCKET), .finish = ipc_sock_finish, .peers = ipc_sock_peers

#endif
