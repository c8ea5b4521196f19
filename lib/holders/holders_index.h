/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of the holder index: what its two sources fill in. */
#ifndef IPC_HOLDERS_INDEX_H
#define IPC_HOLDERS_INDEX_H

#include "holders/holders.h"
#include "model/keyset.h"

struct ipc_holders {
	const char *source;
	struct ipc_processes *processes;
	uint64_t page_size;
	size_t hidden;
	int hidden_error;
	struct ipc_held *helds;
	struct ipc_hold *
		holds; /* those of one object are chained by `next`: position + 1; while filling the latest comes first */
	uint32_t *table; /* objects by key: position + 1 of the first, which are chained by `next`; 0: none */
	uint32_t held_count, held_room, hold_count, hold_room, table_size; /* table_size: a power of two */
	bool by_key; /* of others than IPC_SPACE_NS only `keys` are entered */
	struct ipc_keyset keys;
	struct ipc_arena paths;
};

/* One fd, mapping or attachment as a source saw it. */
struct ipc_holders_seen {
	struct ipc_key key;
	struct ipc_process *process;
	uint16_t mode;      /* 0: not known */
	uint64_t addr, end; /* mapped */
	struct ipc_bytes path;
	int32_t fd; /* -1: mapped */
	uint8_t access;
	bool shared;
	bool attach;
};

/* Is it worth entering? By the keys that were asked for alone. */
bool ipc_holders_wants_key(const struct ipc_holders *holders, struct ipc_key key);
/* Enter it; what was seen twice, or is not wanted, is not entered. Returns 0, -ENOMEM, or -EOVERFLOW (4G holds). */
int ipc_holders_add(struct ipc_holders *holders, const struct ipc_holders_seen *seen);
/* All has been entered: bring it into order. Returns 0 or -ENOMEM. */
int ipc_holders_finish(struct ipc_holders *holders);
/* The fds or maps of a process could not be read; @error is positive: EACCES or EPERM for want of privilege. */
void ipc_holders_hide(struct ipc_holders *holders, int error);

/* Is a FIFO, socket file or regular file: what FILE objects are made of (no directories, no devices). */
bool ipc_holders_wants_mode(uint64_t mode);

int ipc_holders_read_proc(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_holders *holders);

/* -ENOTSUP: this build or kernel has no BPF iterators; -EPERM: no right to load one. Nothing was added then. */
int ipc_holders_read_bpf(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_holders *holders);

#endif
