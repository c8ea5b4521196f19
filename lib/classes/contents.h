/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How it is read what objects of a kind contain: one const table, in CLASS_KIND_contents.c beside the kind's own file.
 *
 * dump() runs inside the object's namespace (ipc_ns_call), so it uses system calls alone there: no NSS, no dlopen. It
 * identifies the object anew (-ESTALE when it is another one by now), reads it without leaving a mark unless
 * dumping->how.flags allows one, and gives pieces with the ipc_dumping_*() functions below. When one of those returns
 * anything but 0, dump() cleans up and returns it at once. Returns 0 or -errno with text by ipc_ctx_fail(); the text does
 * not repeat the reference. What a user should know of a success goes to ipc_ctx_set_note().
 */
#ifndef IPC_CLASSES_CONTENTS_H
#define IPC_CLASSES_CONTENTS_H

#include <limits.h>

#include <ipctool/dump.h>

#include "classes/classes.h"

/* A dump under way. */
struct ipc_dumping {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	struct ipc_dump_how how;        /* length and count are never 0 here: UINT64_MAX means all */
	struct ipc_dump_result *result; /* dump() sets source before its first piece, and unreached and torn */
	/* private to dump.c */
	ipc_piece_fn fn;
	void *data;
};

struct ipc_contents {
	const char *refuse; /* why there is nothing to be seen, and what to do instead; NULL: there is */
	/* For `ipctool help` and the manual: sentences without a capital and a full stop. */
	struct ipc_dump_help help;
	unsigned needs; /* IPC_NEED_* beyond the cheap listing */
	unsigned takes; /* IPC_DUMP_* */
	int (*dump)(struct ipc_dumping *dumping);
};

/* dump() returns this, which is not an error, when the range or the choice of messages is exhausted. Private to lib. */
#define IPC_DUMP_ENOUGH INT_MIN

/*
 * Bytes that stand at @offset of the object; those outside of how.offset and how.length are left out. Returns 0,
 * IPC_DUMP_ENOUGH once nothing more is wanted, or what the receiver returned.
 */
int ipc_dumping_bytes(struct ipc_dumping *dumping, uint64_t offset, struct ipc_bytes data);
/* The same for bytes of which more is known (@record and @entry): what was passed along with a part of a stream. */
int ipc_dumping_part(struct ipc_dumping *dumping, uint64_t offset, struct ipc_bytes data,
		     const struct ipc_record *record, const void *entry);
/* The same for @length bytes that were never written. */
int ipc_dumping_zeros(struct ipc_dumping *dumping, uint64_t offset, uint64_t length);
/*
 * Message @index, of @length bytes, of which @data could be read; left out when it is outside of how.first and how.count.
 * @record and @entry: what else is known; NULL: nothing.
 */
int ipc_dumping_message(struct ipc_dumping *dumping, uint64_t index, uint64_t length, struct ipc_bytes data,
			const struct ipc_record *record, const void *entry);
/* What is no bytes. how.first and how.count apply too. */
int ipc_dumping_entry(struct ipc_dumping *dumping, uint64_t index, const struct ipc_record *record, const void *entry);

extern const struct ipc_contents ipc_contents_pipe, ipc_contents_fifo, ipc_contents_mq_sysv, ipc_contents_mq_posix,
	ipc_contents_shm_sysv, ipc_contents_shm_posix, ipc_contents_shm_held, ipc_contents_shm_file,
	ipc_contents_sem_sysv, ipc_contents_sem_posix, ipc_contents_sem_unnamed, ipc_contents_sock_unix,
	ipc_contents_sock_inet, ipc_contents_sock_other, ipc_contents_sock_none, ipc_contents_signal_process;

#endif
