/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets: what the list of sockets tells the search for stale socket files. */
#ifndef IPC_CLASSES_SOCK_UNIX_H
#define IPC_CLASSES_SOCK_UNIX_H

#include "classes/sock.h"

/* A message of unix_diag, checked; names are borrowed from it. */
struct ipc_unix_socket {
	unsigned type, state;
	uint64_t inode;
	uint32_t cookie[2];
	struct ipc_bytes name; /* absent: none; a path (perhaps relative), or "@" of an abstract name with @abstract */
	bool abstract;         /* the name's first byte, a NUL, is not part of `name` */
	uint64_t file;         /* ipc_unix_file() of the socket file, 0 without one */
	uint64_t device, bound_inode;
	uint64_t uid;
	uint64_t peer; /* inode, 0 without one */
	uint64_t receive_queue, send_queue, memory;
	unsigned shutdown;
};

/* A socket file as unix_diag names it: the device of its superblock and the low half of its inode. */
uint64_t ipc_unix_file(uint64_t device, uint64_t inode);
void ipc_unix_parse(const struct nlmsghdr *nlh, struct ipc_unix_socket *out);
/* Dump the sockets in any of @states (bits 1 << TCP_*) with the attributes @show (UDIAG_SHOW_*). */
int ipc_unix_dump(struct ipc_sock_walk *walk, unsigned states, unsigned show, ipc_diag_fn fn, void *data);
/*
 * An accepted socket shares its listener's address. So does a client that was bound before it connected: the kernel
 * does not tell them apart.
 */
bool ipc_unix_is_connection(const struct ipc_unix_socket *socket);

/* Socket files among which stale ones are looked for, and all files and paths that sockets were found bound to. */
struct ipc_unix_files {
	struct ipc_unix_candidate *candidates;
	size_t count, room;
	struct ipc_idset asked;     /* ipc_unix_file() of those that references name: a scan finds them again */
	struct ipc_idset paths;     /* hashes of the candidates' paths */
	struct ipc_idset bound;     /* ipc_unix_file() of what sockets are bound to */
	struct ipc_idset names;     /* hashes of the paths that they were bound by */
	struct ipc_idset numbers;   /* low halves of the candidates' inodes */
	struct ipc_idset elsewhere; /* those that sockets are bound to on what may be a view of the candidate */
	struct ipc_idset sockets;   /* inodes of all sockets seen; of interest before a removal alone */
	struct ipc_mounts *mounts;  /* borrowed from the run */
	bool removes;
	bool whole;          /* `bound` knows all sockets of the own namespace */
	unsigned namespaces; /* network namespaces looked at */
	const char *doubt;   /* why a socket bound to one of them may have been missed; NULL: none was */
	int64_t unreached;   /* a process that has a unix socket in a namespace that nobody can enter; 0: none */
};

/* Gather the socket files that the run asks about. Returns 0 or -errno. */
int ipc_unix_files_begin(struct ipc_unix_files *files, struct ipc_run *run, const struct ipc_kind *kind);
/* Note what @socket is bound to. Returns 0 or -ENOMEM. */
int ipc_unix_files_note(struct ipc_unix_files *files, const struct ipc_unix_socket *socket);
/*
 * Is there a stale file at the absolute path @path, by which a socket bound to another file (@file) is called? Rare,
 * so the sockets are dumped once more for it: those to come may be bound to that file.
 */
bool ipc_unix_files_displace(struct ipc_unix_files *files, struct ipc_sock_walk *walk, struct ipc_bytes path,
			     uint64_t file);
/*
 * After all sockets of the own namespace were noted: look into the others as far as needed, and emit the files that
 * nobody is bound to.
 */
int ipc_unix_files_emit(struct ipc_unix_files *files, struct ipc_sock_walk *walk);
/* Note what the sockets of every network namespace that can be entered are bound to. Returns 0 or -ENOMEM. */
int ipc_unix_look_everywhere(struct ipc_unix_files *files, struct ipc_sock_walk *walk);
/*
 * After that, before a removal: a namespace may be kept by nothing but sockets. Nobody can enter it then, but whoever has one of
 * those sockets can still serve a file by it. A unix socket that no dump has shown is such a one, unless it came since: it is
 * looked for once more.
 */
int ipc_unix_look_unreached(struct ipc_unix_files *files, struct ipc_sock_walk *walk);
void ipc_unix_files_end(struct ipc_unix_files *files);

enum ipc_state ipc_unix_judge_file(struct ipc_run *run, const struct ipc_sock *sock);

#endif
