/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* By what a kernel object is recognised, whoever points at it: the join between objects, holders and waiters. */
#ifndef IPC_MODEL_KEY_H
#define IPC_MODEL_KEY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * (device, inode) alone is not an identity: a System V segment's inode is its id on a device that memfds share.
 * So each key carries the space that it lives in.
 */
enum ipc_space {
	IPC_SPACE_NONE,
	IPC_SPACE_FILE, /* device (of the superblock, as mountinfo shows it), inode: FIFOs, POSIX objects, queues, mapped files */
	IPC_SPACE_PIPE,   /* 0, inode */
	IPC_SPACE_SOCKET, /* 0, inode */
	IPC_SPACE_MEMFD,  /* device, inode */
	IPC_SPACE_ANON,   /* device, inode: shared anonymous memory */
	IPC_SPACE_SHM,    /* inode of the ipc namespace, shmid */
	IPC_SPACE_MSG,    /* inode of the ipc namespace, msqid */
	IPC_SPACE_SEM,    /* inode of the ipc namespace, semid */
	IPC_SPACE_NS,     /* enum ipc_ns_type, inode: a namespace that a file keeps */
	IPC_SPACES
};
#define IPC_SPACE_BIT(space) (1u << (space))

struct ipc_key {
	uint64_t space;
	uint64_t device; /* makedev(major, minor), or the namespace */
	uint64_t inode;
};

static inline bool ipc_key_equal(struct ipc_key a, struct ipc_key b)
{
	return a.space == b.space && a.device == b.device && a.inode == b.inode;
}

/* A good 64-bit mix of all three. */
static inline uint64_t ipc_key_hash(struct ipc_key key)
{
	uint64_t h = key.inode * 0x9e3779b97f4a7c15u ^ (key.device + (key.space << 56)) * 0xc2b2ae3d27d4eb4fu;

	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

#endif
