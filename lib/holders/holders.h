/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has what open or mapped: an index from key to processes, filled by BPF iterators or from /proc, the same either
 * way.
 */
#ifndef IPC_HOLDERS_HOLDERS_H
#define IPC_HOLDERS_HOLDERS_H

#include "model/arena.h"
#include "model/object.h"
#include "sources/processes.h"

/* What to look for; the less, the cheaper. */
struct ipc_holders_want {
	/*
	 * IPC_SPACE_BIT()s. IPC_SPACE_NS: the ipc, net and mount namespaces that open files keep; the holds of one say through which
	 * PID/fd/N of /proc it can be entered (one of a thread that unshared its fds may lead elsewhere: compare the inode).
	 */
	unsigned spaces;
	bool maps;    /* mappings too */
	int64_t only; /* one pid alone, or 0 */
	/* When not NULL: these objects alone, whoever has them; and, when wanted, all of IPC_SPACE_NS. */
	const struct ipc_key *keys;
	size_t key_count;
};

/* One object that somebody has. There may be a million of them: a device or namespace is a number of 32 bits. */
struct ipc_held {
	struct {
		uint64_t inode;
		uint32_t device;
		uint32_t space;
	} key;                 /* ipc_held_key() */
	struct ipc_bytes path; /* FILE, MEMFD, SHM: as the kernel prints it (with " (deleted)"); else empty */
	uint32_t count;        /* fds, mappings and attachments */
	uint32_t first;        /* private */
	uint32_t next;         /* private: with the same place in the table */
	uint16_t mode;         /* of the inode, with its type; 0: only seen in /proc/PID/maps */
	bool shared;           /* some mapping of it is MAP_SHARED */
	bool unsorted;         /* private */
};

static inline struct ipc_key ipc_held_key(const struct ipc_held *held)
{
	return (struct ipc_key){held->key.space, held->key.device, held->key.inode};
}

/* One way in which a process has it. */
struct ipc_hold {
	struct ipc_process *process; /* never NULL */
	uint64_t addr;               /* of a mapping or attachment, else 0 */
	int32_t fd;                  /* -1: a mapping or attachment */
	uint32_t pages;              /* mapping: its length in pages */
	uint32_t next;               /* private */
	uint8_t access;              /* 1 read, 2 write, 3 both, 0 O_PATH */
	bool attach;                 /* System V attachment */
	bool shared;                 /* MAP_SHARED */
};

struct ipc_holders;

/*
 * Fill an index. @source AUTO, BPF or PROC. Returns 0 or -errno (BPF asked for and not possible: -EPERM, -ENOTSUP,
 * with text in the context).
 */
int ipc_holders_new(struct ipc_ctx *ctx, enum ipc_holder_source source, const struct ipc_holders_want *want,
		    struct ipc_processes *processes, struct ipc_holders **out);
void ipc_holders_free(struct ipc_holders *holders);
/* Was the BPF source compiled in? (Whether this kernel and caller may use it shows at ipc_holders_new().) */
bool ipc_holders_bpf_built(void);
const char *ipc_holders_source(const struct ipc_holders *holders); /* "bpf", "proc" */
/* Processes whose fds or maps could not be read; @why_error gets the errno, a fault rather than EACCES or EPERM. */
size_t ipc_holders_hidden(const struct ipc_holders *holders, int *why_error);
/*
 * All objects of the index, in the order first seen: *@at = 0 to begin, NULL at the end. @space IPC_SPACE_NONE: of
 * any.
 */
const struct ipc_held *ipc_holders_next(const struct ipc_holders *holders, enum ipc_space space, size_t *at);
const struct ipc_held *ipc_holders_find(const struct ipc_holders *holders, struct ipc_key key);
/*
 * The objects of @space (whose device is 0) with these inodes will be looked up soon: fetch what that needs into the
 * processor's cache, for all of them at the same time. One after the other each waits for memory three times.
 */
void ipc_holders_prefetch(const struct ipc_holders *holders, enum ipc_space space, const uint32_t *inodes,
			  size_t count);
/* The holds of @held: NULL to begin, NULL at the end. Ordered by pid, then fd, then address. */
const struct ipc_hold *ipc_holders_hold(const struct ipc_holders *holders, const struct ipc_held *held,
					const struct ipc_hold *prev);
/*
 * The same as records in @arena; empty list when nobody. Several maps of one file by one process (text, data) stay
 * several entries.
 */
struct ipc_list ipc_holders_list(const struct ipc_holders *holders, struct ipc_key key, struct ipc_arena *arena);

#endif
