/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The processes that /proc shows, listed once a run; details are read at first use. */
#ifndef IPC_SOURCES_PROCESSES_H
#define IPC_SOURCES_PROCESSES_H

#include "sources/procfs.h"

struct ipc_process {
	int64_t pid;
	struct ipc_bytes comm; /* without a terminator's guarantee; as the kernel has it: may hold ')' and newlines */
	int64_t started;       /* real time, ns; IPC_UNKNOWN_INT when not known */
	uint64_t ticks;        /* the same as the kernel counts it, since boot: exact, so part of an identity */
	uint64_t uid;          /* real uid; euid, suid and fsuid count too for ipc_processes_have_uid() */
	uint64_t ipc_ns; /* inode of its ipc namespace, 0 when not readable; filled by ipc_processes_load() alone */
	unsigned read;   /* private: what has been read */
};

struct ipc_processes;

/* List /proc. @only: that pid alone, or 0. */
int ipc_processes_new(struct ipc_ctx *ctx, int64_t only, struct ipc_processes **out);
void ipc_processes_free(struct ipc_processes *processes);
/* Real time of the boot in ns, as the clock now stands; IPC_UNKNOWN_INT when a captured tree does not tell. */
int64_t ipc_processes_boot(const struct ipc_processes *processes);
size_t ipc_processes_count(const struct ipc_processes *processes);
/* Hand to @fn each that is not counted, but was met since. Returns 0, or what @fn returned when negative. */
int ipc_processes_latecomers(struct ipc_processes *processes, int (*fn)(struct ipc_process *process, void *data),
			     void *data);
/* Was a single one asked for? */
bool ipc_processes_alone(const struct ipc_processes *processes);
/*
 * How many descriptors they have, counted as far as @most: what reading them will cost. Before Linux 6.2 the kernel's count of the open
 * files of the whole host, which other containers may have.
 */
uint64_t ipc_processes_count_fds(const struct ipc_processes *processes, uint64_t most);
/*
 * In ascending order of pid; comm, started and uid are filled (from PID/stat and PID/status) at first use; NULL past
 * the end.
 */
struct ipc_process *ipc_processes_get(struct ipc_processes *processes, size_t index);
/*
 * The same with nothing read but the pid, for who goes through all of them: ipc_processes_load() before anything else
 * is looked at.
 */
struct ipc_process *ipc_processes_peek(struct ipc_processes *processes, size_t index);
/*
 * As ipc_processes_get() by pid. One that came after the listing is found too, though it is not counted among them.
 * NULL when there is no such process (a number that only a thread has is none).
 */
struct ipc_process *ipc_processes_find(struct ipc_processes *processes, int64_t pid);
/* The same as ipc_processes_peek() has it: with nothing read but that it is there. */
struct ipc_process *ipc_processes_lookup(struct ipc_processes *processes, int64_t pid);
/*
 * Fill comm and uid of one process, by a single read: all that is shown of a holder or a waiter. One that has ended keeps its pid with
 * unknown values.
 */
void ipc_processes_name(struct ipc_processes *processes, struct ipc_process *process);
/* The same of comm, started and ticks. */
void ipc_processes_start(struct ipc_processes *processes, struct ipc_process *process);
/*
 * Fill comm, started, uid, ipc_ns of one process. A process that has ended keeps its pid with unknown values. Returns
 * 0 or -errno.
 */
int ipc_processes_load(struct ipc_processes *processes, struct ipc_process *process);
/*
 * Hand to @fn each process that has come since the listing and was not handed over to the same reader before, whoever met it first: a
 * process that forks and ends while others are read leaves a child that the listing does not have. *@met is the reader's own, 0 at first.
 * Returns how many there were, -errno, or what @fn returned when negative.
 */
int ipc_processes_newcomers(struct ipc_processes *processes, size_t *met,
			    int (*fn)(struct ipc_process *process, void *data), void *data);
/* Does /proc hide processes from the caller (hidepid, or a listing of one process alone)? */
bool ipc_processes_hide(const struct ipc_processes *processes);
/*
 * Does a process have the number @number in a pid namespace inside the one of /proc? 1: *@out is one that has; 0: none of
 * those that were there at @when (real time, ns; IPC_UNKNOWN_INT: at any time) has; -EACCES: /proc hides processes, so nobody can say;
 * -ENOMEM. All processes are read for that at the first call.
 */
int ipc_processes_find_inner(struct ipc_processes *processes, int64_t number, int64_t when, struct ipc_process **out);
/* 1: some process has @uid as any of its uids; 0: none; -EACCES: /proc hides processes (hidepid), so nobody can say. */
int ipc_processes_have_uid(struct ipc_processes *processes, uint64_t uid);

#endif
