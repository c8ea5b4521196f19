/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all objects have in common: plain values that a collector fills and everybody else reads. */
#ifndef IPC_MODEL_OBJECT_H
#define IPC_MODEL_OBJECT_H

#include "model/key.h"
#include "model/record.h"

/* What must be collected beyond the cheap listing. Wanted fields, the filter and the verb add these up. */
enum ipc_need {
	IPC_NEED_HOLDERS = 1u << 0,     /* who has it open, mapped or attached */
	IPC_NEED_WAITERS = 1u << 1,     /* who is blocked on it */
	IPC_NEED_PEERS = 1u << 2,       /* the other ends, with their holders */
	IPC_NEED_STATE = 1u << 3,       /* the judgement */
	IPC_NEED_NAMES = 1u << 4,       /* user and group names */
	IPC_NEED_HANDLE = 1u << 5,      /* the reference with identity */
	IPC_NEED_CONTAINER = 1u << 6,   /* container or cgroup of the namespace */
	IPC_NEED_LISTENER = 1u << 7,    /* the listening socket that a socket came from */
	IPC_NEED_DETAIL = 1u << 8,      /* what costs a system call for each object (values, FIONREAD, limits) */
	IPC_NEED_RESIDENT = 1u << 9,    /* resident and swapped memory */
	IPC_NEED_MEMORY = 1u << 10,     /* what the kernel charges to a socket */
	IPC_NEED_THREADS = 1u << 11,    /* each thread of a process */
	IPC_NEED_QUEUE_TEXT = 1u << 12, /* the text of a POSIX queue: reading it rewrites the queue's atime and ctime */
	IPC_NEED_STATUS = 1u << 13,   /* words of `status` that cost system calls for each object (seals, huge pages) */
	IPC_NEED_EVIDENCE = 1u << 14, /* what it rests on, in words */
	IPC_NEED_ATTACHED = 1u << 15, /* the number of mappings, where the kernel keeps no count */
	IPC_NEED_VERDICT = 1u << 16,  /* what a cleaning decides: nothing to collect */
	IPC_NEED_QUEUES = 1u << 17,   /* how much waits in a socket */
	IPC_NEED_END = 1u << 18,      /* which unix socket is at the other end */
	IPC_NEED_OWNER = 1u << 19,    /* whose a unix socket is */
	IPC_NEED_ALL = ~0u,
};

/* The judgement of an object, best evidence first (see the safety rules in ipctool(1)). */
enum ipc_state {
	IPC_STATE_NONE,
	IPC_STATE_HELD,
	IPC_STATE_UNKNOWN,
	IPC_STATE_ORPHAN,
	IPC_STATE_SUSPECT,
	IPC_STATE_IDLE
};

struct ipc_ns;

struct ipc_object {
	const struct ipc_class *of_class;
	const struct ipc_kind *of_kind;
	const struct ipc_ns *in; /* the namespace it lives in, NULL for host-wide objects */
	struct ipc_key hold;     /* under which holders are found; space NONE: it has none */
	struct ipc_key wait;     /* under which waiters are found; usually the same */
	uint64_t dev;            /* makedev() of the inode's superblock */
	int64_t looked; /* System V: when the kernel was asked about it alone, see ipc_sysv_tick(); 0: not known */
	bool blind;     /* what was to be removed: beyond those who were seen there may be others */
	enum ipc_state judged; /* the same as `state` */
	bool unproven;         /* a cleaning asked the kernel in vain for the proof that nobody uses it */
	const char *
		spared; /* judged: why no cleaning takes it, whatever its state ("mode 000: kept on purpose"); or NULL */
	int64_t birth;  /* birth time of the inode in ns when the file system records one: part of its identity */

	/* the common fields; collectors fill those marked *, the run derives the others */
	struct ipc_bytes ref;
	struct ipc_bytes handle;
	struct ipc_bytes class_name;
	struct ipc_bytes kind_name;
	struct ipc_bytes name; /* * a name or path, without escapes */
	uint64_t id;           /* * System V id, pid for signals */
	uint64_t key;          /* * */
	uint64_t inode;        /* * */
	struct ipc_bytes device;
	uint64_t namespace_inode;
	struct ipc_bytes container;
	uint64_t uid; /* * */
	struct ipc_bytes user;
	uint64_t gid; /* * */
	struct ipc_bytes group;
	uint64_t mode; /* * permission bits alone */
	uint64_t size; /* * bytes */
	int64_t age;
	int64_t changed; /* * latest change that the kernel records */
	int64_t created; /* * */
	int64_t used;    /* * latest of all times that the kernel records: changes and uses */
	int64_t unused;  /* time since */
	struct ipc_bytes state;
	struct ipc_list evidence; /* of struct ipc_bytes */
	struct ipc_list status;   /* * of struct ipc_bytes: the kernel's own words */
	struct ipc_list holders;  /* of struct ipc_holder */
	struct ipc_list waiters;  /* of struct ipc_waiter */
	/* filled by a cleaning alone (clean.h) */
	struct ipc_bytes verdict; /* "remove", "keep", "report", "protect" */
	struct ipc_bytes rule;    /* that decided */
	struct ipc_bytes why;     /* of the verdict, later of the result */
	struct ipc_bytes result;  /* "would-remove", "removed", "kept", "gone", "failed" */
};

/* One entry of `holders`. Pids are those of the /proc that is read; IPC_UNKNOWN_INT for a process outside it. */
struct ipc_holder {
	int64_t pid;
	struct ipc_bytes comm;
	uint64_t uid;
	int64_t fd;              /* null for a mapping or attachment */
	uint64_t addr;           /* null for a file descriptor */
	struct ipc_bytes how;    /* "fd", "map", "attach", "bind" */
	struct ipc_bytes access; /* "r", "w", "rw"; "" for O_PATH */
};

/* One entry of `waiters`. */
struct ipc_waiter {
	int64_t pid;
	int64_t tid;
	struct ipc_bytes comm;
	struct ipc_bytes why; /* "msgrcv", "semop: increase of 2", "open for writing" */
};

/* One entry of `peers`. */
struct ipc_peer {
	struct ipc_bytes ref;
	struct ipc_list holders; /* of struct ipc_holder */
	struct ipc_key hold;     /* under which they are found; no field */
};

extern const struct ipc_record ipc_object_record;
extern const struct ipc_record ipc_holder_record;
extern const struct ipc_record ipc_waiter_record;
extern const struct ipc_record ipc_peer_record;

#endif
