/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of the holder index: what its two sources fill in. */
#ifndef IPC_HOLDERS_INDEX_H
#define IPC_HOLDERS_INDEX_H

#include "holders/holders.h"

/* Open addressing: the upper half of the hash beside the position, so that a miss touches this table alone. */
struct ipc_holders_slot {
	uint32_t tag;
	uint32_t held; /* position + 1; 0: free */
};

struct ipc_holders {
	const char *source;
	struct ipc_processes *processes;
	uint64_t page_size;
	size_t hidden;
	int hidden_error;
	struct ipc_held *helds;
	struct ipc_hold *holds; /* those of one object are chained by `next`: position + 1 */
	struct ipc_holders_slot *slots;
	uint32_t held_count, held_room, hold_count, hold_room, slot_count; /* slot_count: a power of two */
	struct ipc_arena paths;
};

/* One fd, mapping or attachment as a source saw it. */
struct ipc_holders_seen {
	struct ipc_key key;
	struct ipc_process *process;
	uint64_t mode;
	uint64_t addr, end; /* mapped */
	struct ipc_bytes path;
	int32_t fd; /* -1: mapped */
	uint32_t flags;
	uint8_t access;
	bool shared;
	bool attach;
};

/* Enter it; seen twice is entered once. Returns 0, -ENOMEM, or -EOVERFLOW (4G holds). */
int ipc_holders_add(struct ipc_holders *holders, const struct ipc_holders_seen *seen);
/* The fds or maps of a process could not be read, for want of privilege. */
void ipc_holders_hide(struct ipc_holders *holders, int error);

/* Is a FIFO, socket file or regular file: what FILE objects are made of (no directories, no devices). */
bool ipc_holders_wants_mode(uint64_t mode);

int ipc_holders_read_proc(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_holders *holders);

/* -ENOTSUP: this build or kernel has no BPF iterators; -EPERM: no right to load one. Nothing was added then. */
int ipc_holders_read_bpf(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_holders *holders);

#endif
