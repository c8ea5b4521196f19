/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the source without BPF share: the queue of records, who did it, and the parts themselves. */
#ifndef IPC_EVENTS_PLAIN_H
#define IPC_EVENTS_PLAIN_H

#include "classes/events.h"
#include "events/source.h"

#define IPC_PLAIN_BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

struct ipc_plain_closes;
struct ipc_plain_exits;
struct ipc_plain_files;
struct ipc_plain_looks;

struct ipc_plain {
	struct ipc_source base;
	struct ipc_source_want want;
	int more;             /* an eventfd, readable while records wait that nobody took */
	struct ipc_buf queue; /* of records, each with its size before it */
	size_t taken;         /* so many bytes of the queue were handed over */
	int64_t now;          /* CLOCK_MONOTONIC, of the read at hand */
	int64_t looked;       /* when the look before the one at hand began, real, ns */
	uint64_t lost;        /* at least so many events */
	int64_t lost_since;
	bool again;  /* read is to be called once more */
	bool failed; /* there was no memory for a record */
	bool pids;   /* /proc numbers processes as the kernel does for the caller */
	bool quiet;  /* at the beginning: what is there is no event */

	/* NULL: not needed, or not to be had */
	struct ipc_plain_files *files;
	struct ipc_plain_closes *closes;
	struct ipc_plain_exits *exits;
	struct ipc_plain_looks *looks;
};

/* ---- source_plain.c ------------------------------------------------------------------------------------------------ */

/* Is any of @verbs (bits) of @kind asked for? */
bool ipc_plain_wants(const struct ipc_plain *plain, enum ipc_raw_kind kind, uint32_t verbs);
/*
 * A record at the end of the queue, of now and of nobody, to be filled before anything else is queued. NULL: it is not wanted, or
 * there is no memory.
 */
struct ipc_raw *ipc_plain_record(struct ipc_plain *plain, enum ipc_raw_kind kind, enum ipc_event_verb verb, uint64_t ns,
				 struct ipc_bytes name);
/* It was done by @pid, which the kernel has on record (0 and less: it has none). @time: no earlier than that was, real, ns. */
void ipc_plain_by(struct ipc_plain *plain, struct ipc_raw *raw, int64_t pid, int64_t time);
/* Have read called again at once. */
void ipc_plain_again(struct ipc_plain *plain);
/* Events were lost, nobody knows how many. */
void ipc_plain_lose(struct ipc_plain *plain);
/* Have ipc_source_ops.read called when @fd is readable. Returns 0 or -errno. */
int ipc_plain_poll(struct ipc_plain *plain, int fd);
/* Call @fn inside each of the watched namespaces of @type. What cannot be entered is said to be. Returns 0 or what @fn returned. */
int ipc_plain_each_place(struct ipc_plain *plain, enum ipc_ns_type type,
			 int (*fn)(struct ipc_plain *plain, const struct ipc_ns *ns));

/* ---- the parts ----------------------------------------------------------------------------------------------------- */

/*
 * NAME_new(): begin, when what is asked for needs it; returns 0, also where it cannot be had, which it then says, or -ENOMEM.
 * NAME_read(): queue what has happened. Returns 0 or -errno with text. NAME_free(): NULL is allowed.
 */

/* plain_files.c and others: FIFOs, socket files and POSIX objects by inotify. */
int ipc_plain_files_new(struct ipc_plain *plain);
int ipc_plain_files_read(struct ipc_plain *plain);
void ipc_plain_files_free(struct ipc_plain_files *files);

/* plain_closes.c: TCP and UDP sockets that end, by sock_diag's multicast groups. */
int ipc_plain_closes_new(struct ipc_plain *plain);
int ipc_plain_closes_read(struct ipc_plain *plain);
void ipc_plain_closes_free(struct ipc_plain_closes *closes);
/* Is @kind among what it tells of in namespace @ns? */
bool ipc_plain_closes_has(const struct ipc_plain_closes *closes, enum ipc_raw_kind kind, uint64_t ns);

/* plain_exits.c: processes that end, by the proc connector. They are no events, but reasons to look. */
int ipc_plain_exits_new(struct ipc_plain *plain);
int ipc_plain_exits_read(struct ipc_plain *plain);
void ipc_plain_exits_free(struct ipc_plain_exits *exits);

/* plain_looks.c: what has no events is looked at again and again. */
int ipc_plain_looks_new(struct ipc_plain *plain);
int ipc_plain_looks_read(struct ipc_plain *plain);
void ipc_plain_looks_free(struct ipc_plain_looks *looks);
/* Something happened that a look may show: do not wait for the interval to be over. */
void ipc_plain_looks_soon(struct ipc_plain *plain);

#endif
