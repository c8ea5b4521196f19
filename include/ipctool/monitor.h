/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libipctool: what happens to objects, as it happens.
 *
 * A query says which objects are watched: kinds, references, name patterns, namespaces, a holder (whose doings are told).
 * ipc_monitor_new() attaches to the sources of events, ipc_monitor_fd() says when there is something, ipc_monitor_read() hands
 * it over. An event is read as an object is: with ipc_object_get(), and the fields of ipc_event_kind().
 */
#ifndef IPCTOOL_MONITOR_H
#define IPCTOOL_MONITOR_H

#include <ipctool/ipctool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- events ---------------------------------------------------------------------------------------------------------- */

/** What is done to an object. Values never change; new ones come behind. */
enum ipc_event_verb {
	IPC_EVENT_EXISTS,  /* it was there when the watching began */
	IPC_EVENT_CREATE,  /* it comes into being, or gets the name by which it is known */
	IPC_EVENT_OPEN,    /* somebody gets hold of one that exists */
	IPC_EVENT_ATTACH,  /* memory is mapped */
	IPC_EVENT_SEND,    /* a message, bytes */
	IPC_EVENT_RECEIVE, /* the same taken out; a signal that is delivered */
	IPC_EVENT_WAIT,    /* a call begins to sleep */
	IPC_EVENT_WAKE,    /* that call goes on, or fails */
	IPC_EVENT_CHANGE,  /* owner, mode, limits, values, name */
	IPC_EVENT_BIND,    /* a socket gets an address */
	IPC_EVENT_LISTEN,
	IPC_EVENT_CONNECT,
	IPC_EVENT_ACCEPT,
	IPC_EVENT_DETACH, /* memory is unmapped */
	IPC_EVENT_CLOSE,
	IPC_EVENT_REMOVE, /* its name, or it itself */
	IPC_EVENT_SIGNAL, /* a signal is sent */
	IPC_EVENT_LOST,   /* events that could not be kept; detail tells how many, and since when */
	IPC_EVENT_VERBS
};

/** "create" */
IPC_EXPORT const char *ipc_event_verb_name(enum ipc_event_verb verb);
/** The verb called @name, or IPC_EVENT_VERBS. */
IPC_EXPORT enum ipc_event_verb ipc_event_verb_find(const char *name);
/**
 * The kind of events. It is no kind of objects: ipc_kind_next() does not give it. Its record has the fields of events, and the columns of
 * its class are those that events have in every format.
 */
IPC_EXPORT const struct ipc_kind *ipc_event_kind(void);
/** What @event tells of. */
IPC_EXPORT enum ipc_event_verb ipc_event_verb(const struct ipc_object *event);

/** What can be told of a kind. Verbs are bits 1 << IPC_EVENT_*. Strings are for people, and for ever. */
struct ipc_event_range {
	uint32_t life;      /* shown when nothing was named: it comes, is found, is given up, goes */
	uint32_t traffic;   /* shown besides when the kind, or one of its objects, was named */
	uint32_t plain;     /* those of both that are told of without BPF */
	const char *unseen; /* what nobody tells of, as one sentence; NULL: nothing */
};
/** The events of @kind. False, and @out untouched: nothing tells of them. */
IPC_EXPORT bool ipc_kind_events(const struct ipc_kind *kind, struct ipc_event_range *out);

/** An expression over the fields of events (ipctool-filter(5)). */
struct ipc_condition;
/** Parse @expression. -EINVAL with text. @out is the caller's. */
IPC_EXPORT int ipc_condition_new(struct ipc_ctx *ctx, const char *expression, struct ipc_condition **out);
/** Does it hold for @event? */
IPC_EXPORT bool ipc_condition_holds(const struct ipc_condition *condition, const struct ipc_object *event);
/** Free it. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_condition *ipc_condition_free(struct ipc_condition *condition);

/* ---- watching -------------------------------------------------------------------------------------------------------- */

/** Where events come from. */
enum ipc_event_source {
	IPC_EVENTS_AUTO,   /* BPF where it can be had, else the one without */
	IPC_EVENTS_BPF,    /* functions where the kernel allows that, else tracepoints; needs CAP_BPF, CAP_PERFMON */
	IPC_EVENTS_FENTRY, /* BPF behind the few functions concerned */
	IPC_EVENTS_TRACEPOINT, /* BPF behind tracepoints of system calls, which slow every call of the host a little */
	IPC_EVENTS_NETLINK,    /* without BPF: netlink, inotify, and looking again at intervals */
};

/** What is watched, beyond what the query says. All zero: events of life of the kinds that can leak, from the best source. */
struct ipc_watch {
	enum ipc_event_source source;
	uint32_t verbs;   /* only these, bits 1 << IPC_EVENT_*; 0: those that ipc_event_range has for what was named */
	bool traffic;     /* all verbs, also of what was not named */
	bool failures;    /* calls that failed as well: detail has errno */
	bool since_start; /* begin with an event IPC_EVENT_EXISTS for each object that is there */
	const uint64_t *uids; /* only what processes of these users do */
	size_t uid_count;     /* 0: of all users */
	int64_t interval;     /* ns between two looks at what has no events, without BPF; 0: one second */
	uint64_t buffer;      /* bytes of room in the kernel, rounded up to a power of two; 0: 8 MiB */
	/* File that what is learnt of who makes and takes semaphores is written to, and merged with what it has; NULL: none */
	const char *record;
	uint32_t group; /* a process group of which nothing is told, as of the caller itself; 0: none */
};

struct ipc_monitor;

/**
 * Begin to watch what @query says; events that happen after this returns are told of. @query is read, and may be run, changed or freed
 * afterwards; what @how points to has to live as long as the monitor. Text is in
 * ipc_ctx_error(): -EPERM (the source that was asked for needs a privilege), -ENOTSUP (this kernel or build has no such
 * source), -EINVAL (nothing tells of a kind that was named, or a verb that it does not have), -ENOMEM, or as open(2).
 */
IPC_EXPORT int ipc_monitor_new(struct ipc_query *query, const struct ipc_watch *how, struct ipc_monitor **out);
/** Detach and free. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_monitor *ipc_monitor_free(struct ipc_monitor *monitor);
/** A descriptor that poll(2) finds readable when there is something to read. The monitor's own. */
IPC_EXPORT int ipc_monitor_fd(const struct ipc_monitor *monitor);
/**
 * Hand over what has happened, at most about as many events as fit the kernel's room; does not wait. An event is valid during the call alone.
 * Returns 0, what @fn returned to stop (what comes behind is kept for the next call), or -errno with text.
 */
IPC_EXPORT int ipc_monitor_read(struct ipc_monitor *monitor, ipc_object_fn fn, void *data);
/** Names of the sources at work, for people: "bpf", "netlink". */
IPC_EXPORT const char *ipc_monitor_source(const struct ipc_monitor *monitor);
/** How these get at the events, as one line for people: "BPF: 24 system call tracepoints". */
IPC_EXPORT const char *ipc_monitor_method(const struct ipc_monitor *monitor);
/** Why AUTO did not take the better source, or NULL. */
IPC_EXPORT const char *ipc_monitor_fallback(const struct ipc_monitor *monitor);
/** Something asked for that will not be told of: sentence @index, or NULL past the last one. */
IPC_EXPORT const char *ipc_monitor_blind(const struct ipc_monitor *monitor, size_t index);
/**
 * Write what was learnt to ipc_watch.record, which otherwise happens about a second after something was. Returns 0 (also when
 * nothing is recorded), or -errno with text: the file is then as it was before.
 */
IPC_EXPORT int ipc_monitor_save(struct ipc_monitor *monitor);
/** Why ipc_watch.record could not be written the last time that it was due, or NULL. It will be tried again. */
IPC_EXPORT const char *ipc_monitor_unsaved(const struct ipc_monitor *monitor);
/** How many events were lost so far. */
IPC_EXPORT uint64_t ipc_monitor_lost(const struct ipc_monitor *monitor);

/* ---- what was learnt ------------------------------------------------------------------------------------------------- */

/**
 * Read a file that ipc_watch.record made: queries on @ctx then judge semaphores by who made them and who took them last as well, and
 * keep those of whom one is alive. Files add up. Errors, with text: -EPERM (others than root and the caller could have written it),
 * -EINVAL (a line of it is wrong, or it was made before the system was started, or in another pid namespace), -ENOMEM, or as open(2);
 * nothing of it is used then.
 */
IPC_EXPORT int ipc_ctx_read_evidence(struct ipc_ctx *ctx, const char *path);

#ifdef __cplusplus
}
#endif
#endif
