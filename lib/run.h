/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run of a query as collectors see it: what is needed, where to look, and where objects go.
 *
 * A kind's collect() makes an object with ipc_run_object(), fills what it knows and calls ipc_run_emit(), which joins
 * holders and waiters, judges, matches references, filters and hands the object on. Memory from run->arena is given up
 * after the emit (or kept with the set): collectors never free, and keep nothing in it across an emit.
 */
#ifndef IPC_RUN_H
#define IPC_RUN_H

#include "context.h"
#include "model/arena.h"
#include "model/bytes.h"
#include "model/keyset.h"
#include "model/object.h"
#include "model/reference.h"
#include "sources/namespaces.h"

struct ipc_blocked;
struct ipc_holders;
struct ipc_inflight;
struct ipc_mounts;
struct ipc_processes;
struct ipc_sock_sorts;
struct ipc_scan;
struct ipc_undo;
struct ipc_users;

/* One reference of the query, where its path leads, and what became of it. */
struct ipc_target {
	struct ipc_reference ref;
	bool resolved;   /* a path: it was looked at */
	uint64_t device; /* of the file at the path, when it exists */
	uint64_t inode;
	uint64_t mode; /* with the file type; 0: no such file */
	bool denied;   /* could not be looked at for lack of permission */
	enum ipc_match match;
	size_t next;      /* with the same hash of its locator; private */
	size_t next_file; /* with the same hash of the file; private */
};

/* What is read once for a mount namespace. */
struct ipc_mount_view {
	const struct ipc_ns *ns;
	struct ipc_mounts *mounts;
	struct ipc_scan *scan;
	struct ipc_scan *shm_files;
};

#define IPC_EVIDENCE_MAX 32
/* Holders are read for some objects alone so many times; who asks for yet others gets those of all. */
#define IPC_LIMITED_READS 2

struct ipc_run {
	struct ipc_ctx *ctx;
	unsigned needs;          /* IPC_NEED_* for the kind being collected */
	const struct ipc_ns *ns; /* where collect() stands, of its kind's type; NULL for kinds without one */
	struct ipc_arena arena;
	int64_t now;           /* real time of the run's start, ns */
	int64_t up;            /* how long the system was up then, ns; of a captured tree nobody knows: INT64_MAX */
	struct ipc_keyset met; /* files listed already, for kinds whose namespaces share them */

	/* private to run.c, join.c and plan.c */
	struct ipc_query *query;
	const struct ipc_kind *kind;
	struct ipc_arena_mark mark;
	struct ipc_blocked *blocked;
	struct ipc_holders *holders;                    /* of all that is looked for, or of one process */
	struct ipc_holders *limited[IPC_LIMITED_READS]; /* of `keys` alone, the later with more of them */
	size_t limited_count;
	struct ipc_holders *shared;  /* whoever has what one process shares */
	struct ipc_holders *at_hand; /* the one of these that the kind being collected goes by; NULL: not settled */
	struct ipc_keyset keys;
	struct ipc_processes *everyone; /* of `shared` */
	struct ipc_object **pending;    /* named by a reference, and not joined yet; all of one collect() */
	size_t pending_count, pending_room;
	uint64_t *few; /* inodes */
	size_t few_count, few_room;
	struct ipc_inflight *inflight;
	struct ipc_undo *undo;
	struct ipc_processes *processes;
	struct ipc_users *users;
	struct ipc_buf protocols;           /* of /proc/net/protocols, for sock.c: read once for a network namespace */
	const struct ipc_ns *protocols_of; /* NULL: not read yet */
	struct ipc_mount_view own, other;
	struct ipc_sock_sorts *sorts; /* for sock_few.c: of which kinds those in `few` may be */
	bool bounded;      /* nothing but what references name is asked for: it is found first, and joined then */
	bool no_holders;   /* they cannot be read */
	bool told_hidden;  /* that holders hide was recorded as a problem */
	bool one_process;  /* processes and holders are those of one pid alone */
	int8_t pids_agree; /* pids on record mean the same in this /proc: 1 yes, -1 no, 0 not looked yet */
	int64_t last_dead; /* a pid that no process has, 0: none asked for yet */
	unsigned tried;    /* sources that were tried and cannot be had */
	struct ipc_ns_set places;
	struct ipc_bytes evidence[IPC_EVIDENCE_MAX];
	size_t evidence_count;
	struct ipc_object *blank;           /* of the kind at hand, with nothing known */
	struct ipc_buf spelling, reference; /* for names.c: their room is used again for each object */
	const struct ipc_class *place_class; /* whose place `reference` begins with, in place_len bytes; NULL: none */
	uint64_t place_ns;                   /* inode of its namespace, 0: the caller's own */
	size_t place_len;
	struct ipc_buf identity;             /* of the object at hand, for its handle */
	unsigned refs;                      /* the query and the set share a run */
};

/* A new object of @kind with all fields null; NULL without memory. At most one is being filled at a time. */
void *ipc_run_object(struct ipc_run *run, const struct ipc_kind *kind);
/* Hand the filled object over. Non-zero (also -ENOMEM): collect() returns it at once. */
int ipc_run_emit(struct ipc_run *run, void *object);

static inline bool ipc_run_needs(const struct ipc_run *run, unsigned needs)
{
	return (run->needs & needs) != 0;
}
/* Is what it finds to be removed (ipc_query_want_removal())? */
bool ipc_run_removes(const struct ipc_run *run);
/* Are sockets alone asked for, and no files of theirs? */
bool ipc_run_sockets_only(const struct ipc_run *run);

/*
 * Something could not be read: the answer is incomplete. @privilege: an ordinary user's lack of rights, as opposed to a fault.
 * @error is a positive errno or 0. Equal (@what, @error) pairs are kept once.
 */
void ipc_run_problem(struct ipc_run *run, bool privilege, int error, const char *why, const char *what, ...)
	__attribute__((format(printf, 5, 6)));

/* The same for fields of objects that are listed all the same: @fields, separated by commas, are null for lack of a privilege. */
void ipc_run_unread(struct ipc_run *run, int error, const char *fields, const char *why, const char *what, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * The targets that name objects of @class_name (or bare paths, for fifo and sock) in the current namespace, one by one: start with *@at = 0,
 * NULL at the end. A collector uses them to find what no listing shows (a FIFO outside the scanned directories). Targets that are paths
 * have been resolved.
 */
const struct ipc_target *ipc_run_next_target(struct ipc_run *run, const char *class_name, size_t *at);
/* Could @kind answer @target at all, by its class and the shape of its locator? */
bool ipc_target_may_name(const struct ipc_target *target, const struct ipc_kind *kind);
/*
 * True when nothing but targets is asked of @kind: a collector may then look up those alone instead of listing everything.
 */
bool ipc_run_only_targets(struct ipc_run *run, const struct ipc_kind *kind);
/*
 * True when only what somebody has can be selected (--holder): a collector then takes what the holders show, and need not look where
 * objects lie that nobody has.
 */
bool ipc_run_held_only(const struct ipc_run *run);
/*
 * May the query ask for what is held under @key? False: it asks for nothing but by references, and none of them names it so. Paths of other
 * mount namespaces are not known here.
 */
bool ipc_run_may_ask(const struct ipc_run *run, struct ipc_key key);
/*
 * True when no other sockets of @kind than these, sorted by inode, can be selected or named: asked for by inode, or held by the one
 * process that was asked for. A collector may then ask for each alone where that is cheaper than listing all.
 */
bool ipc_run_few_sockets(struct ipc_run *run, const struct ipc_kind *kind, const uint64_t **inodes, size_t *count);
/* Objects of @kind cannot be looked at for lack of a privilege: a target that could be one of them is denied, not missing. */
void ipc_run_deny_targets(struct ipc_run *run, const struct ipc_kind *kind);
/* The same for one of them, that ipc_run_next_target() gave. */
void ipc_run_deny_target(struct ipc_run *run, const struct ipc_target *target);
/* True when the query shows only what can leak (IPC_VIEW_NAMED and @kind was not named). */
bool ipc_run_named_only(struct ipc_run *run, const struct ipc_kind *kind);
/* True when the user named @kind itself ("sock/dccp"): that it is not available is then worth a word. */
bool ipc_run_named(struct ipc_run *run, const struct ipc_kind *kind);

/* Sources, made at first use; NULL when one cannot be made (the problem is then recorded). Host-wide, shared by all namespaces of a run. */
/*
 * The holders to go through for a kind's objects: of everything; or of one process (--holder); or, where references alone are asked for, of
 * nothing but what they name by number, inode or path. It stays the same until collect() returns.
 */
struct ipc_holders *ipc_run_holders(struct ipc_run *run);
/* Those of everything in any case, but for --holder: where an answer rests on what others have. */
struct ipc_holders *ipc_run_all_holders(struct ipc_run *run);
/* The holders of @key, whichever of the above knows them, and *@in which one; NULL: nobody, or they cannot be read. */
const struct ipc_held *ipc_run_find_held(struct ipc_run *run, struct ipc_key key, struct ipc_holders **in);
/* Processes that the above could not read: the most that any of them missed, as objects may have been joined with each. */
size_t ipc_run_hidden_holders(const struct ipc_run *run);
/* The holders of sockets with these inodes will be looked up soon; costs nothing when none have been read yet. */
void ipc_run_expect_sockets(struct ipc_run *run, const uint32_t *inodes, size_t count);
/*
 * For a kind whose objects show in the holders of several processes together: from now on and until collect() returns ipc_run_holders() are
 * those of @keys, whoever has them, though one process alone was asked for. Returns 0 or -errno.
 */
int ipc_run_share_holders(struct ipc_run *run, const struct ipc_keyset *keys);
/*
 * Add every further namespace that somebody or something keeps to @set. @holders_follow: holders will be read in this run, so what open
 * files keep is taken from them. Returns 0 or -errno.
 */
int ipc_run_all_namespaces(struct ipc_run *run, struct ipc_ns_set *set, bool holders_follow);
struct ipc_blocked *ipc_run_blocked(struct ipc_run *run);
/* Descriptors on their way over sockets; only for kinds that have IPC_SPACE_SOCKET among their spaces. */
const struct ipc_inflight *ipc_run_inflight(struct ipc_run *run);
struct ipc_undo *ipc_run_undo(struct ipc_run *run);
struct ipc_processes *ipc_run_processes(struct ipc_run *run);
/* Of the mount namespace that collect() stands in. */
struct ipc_mounts *ipc_run_mounts(struct ipc_run *run);
/* FIFOs and socket files of the scanned directories of that mount namespace. */
struct ipc_scan *ipc_run_scan(struct ipc_run *run);

/* Regular files below /dev/shm of that mount namespace: POSIX shared memory and named semaphores. */
struct ipc_scan *ipc_run_shm_files(struct ipc_run *run);

/* Holders of @key as a list of struct ipc_holder in the run's arena; an empty list when there are none, null when they are not needed or cannot be read. */
struct ipc_list ipc_run_list_holders(struct ipc_run *run, struct ipc_key key);
struct ipc_list ipc_run_list_waiters(struct ipc_run *run, struct ipc_key key);

/* ---- for judge() --------------------------------------------------------------------------------------------- */

/* Its state, by number and by name. */
void ipc_run_set_state(struct ipc_object *object, enum ipc_state state);
/* Give it the evidence added so far, when that is needed. */
void ipc_run_keep_evidence(struct ipc_run *run, struct ipc_object *object);
/* Add a line of evidence to the object being judged. */
void ipc_evidence(struct ipc_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Evidence for each holder and waiter already joined; true when there are any. */
bool ipc_judge_held(struct ipc_run *run, const struct ipc_object *object);
/* Evidence and true when some process's fds, maps or waits could not be read, so that a holder may hide. @waits: blocked tasks count too. */
bool ipc_judge_blind(struct ipc_run *run, bool waits);
enum ipc_alive { IPC_ALIVE, IPC_DEAD, IPC_ALIVE_UNKNOWN };
/*
 * Is the user on record alive? @role for the evidence ("creator"), @pid (0: another pid namespace, IPC_UNKNOWN_INT: none on record),
 * @changed: the object's last change in ns: a process that started later got a reused number. Adds evidence.
 */
enum ipc_alive ipc_judge_pid(struct ipc_run *run, const char *role, int64_t pid, int64_t changed);
/*
 * Is a process alive whose number, @pid, is part of an object's name? Whoever wrote it there may live in another pid namespace, so
 * the number must be in use in none. @used: as @changed above. Adds evidence.
 */
enum ipc_alive ipc_judge_named(struct ipc_run *run, int64_t pid, int64_t used);
/* Evidence of the processes that may undo what they did to the semaphore set (SEM_UNDO), and so use it; true when there are any. */
bool ipc_judge_undo(struct ipc_run *run, const struct ipc_object *set);
/*
 * Are those alive who are known, from a file that `monitor` recorded, to have made @object, a set or a semaphore, or to have taken it
 * last? IPC_ALIVE: one is; IPC_DEAD: all are dead, or nobody is known. Adds evidence.
 */
enum ipc_alive ipc_judge_learnt(struct ipc_run *run, const struct ipc_object *object);
/* Does the object's owner have any process? IPC_DEAD: certainly none. Adds evidence. */
enum ipc_alive ipc_judge_owner(struct ipc_run *run, const struct ipc_object *object);

#endif
