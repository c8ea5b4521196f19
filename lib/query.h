/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A query: what the caller asked for (query.c), and what the last run found out about it (plan.c, run.c). */
#ifndef IPC_QUERY_H
#define IPC_QUERY_H

#include <ipctool/clean.h>

#include "classes/list.h"
#include "model/filter.h"
#include "run.h"

struct ipc_strings {
	char **items;
	size_t count;
};

struct ipc_problem_entry {
	char *what;
	char *why;
	const char *fields;
	int error;
	bool privilege;
};

/* One object that answers to a target. */
struct ipc_answer {
	struct ipc_object *object;
	size_t target;
	bool weak;
	bool replaced;
};

struct ipc_query {
	struct ipc_ctx *ctx;
	enum ipc_view view;
	bool named[IPC_KINDS_MAX]; /* kinds that were added as such */
	bool any_named;
	struct ipc_target *targets;
	size_t target_count;
	size_t *target_buckets;        /* heads of the chains through ipc_target.next, and as many through next_file */
	size_t target_bucket_count;    /* of each; a power of two; made for a run */
	bool looked_at[IPC_KINDS_MAX]; /* kinds that the last run looks at, for their own sake or for a target */
	bool want_all;
	struct ipc_strings wants;            /* field names */
	unsigned verbs;                      /* bits 1 << IPC_VERB_*: what they have to know is collected */
	enum ipc_force force;                /* of the removal that is to come, when that is one of them */
	const struct ipc_cleaning *cleaning; /* while ipc_query_clean() runs, else NULL */
	int clean_error;                     /* positive: of the removal that tell() is being told of */
	struct ipc_filter **filters;
	size_t filter_count;
	struct ipc_strings globs;
	struct ipc_strings scans;  /* directories beyond the default ones */
	struct ipc_strings places; /* --namespace: pids and files */
	bool all_places;
	bool sockets_only; /* unix: socket files that nobody is bound to are not looked for */
	int64_t holder_pid; /* 0: none */
	char *holder_comm;

	/* the last run */
	struct ipc_run *run;
	bool keep; /* objects stay in the arena until the end */
	struct ipc_object **kept;
	size_t kept_count, kept_room;
	struct ipc_answer *answers;
	size_t answer_count, answer_room;
	struct ipc_problem_entry *problems;
	size_t problem_count;
	const char *holder_source;
	ipc_object_fn fn;
	void *fn_data;
	int stopped; /* what fn returned to stop the run */
};

/*
 * A query that selects what @from does, without its wishes, filters and answers: the caller's to free. Returns 0 or -ENOMEM
 * with text.
 */
int ipc_query_copy(const struct ipc_query *from, struct ipc_query **out);
/* The same of nothing but where it looks: namespaces and directories. */
int ipc_query_copy_places(const struct ipc_query *from, struct ipc_query **out);
/* Fields of all kinds by name, for filters and wants: the first one found, and the needs of all. */
const struct ipc_field *ipc_query_field(const char *name, unsigned *needs, void *unused);

/*
 * Begin a new run: kinds, namespaces and references as they are now. Returns 0 or -errno with text; the run is in query->run.
 */
int ipc_query_prepare(struct ipc_query *query);
/* Execute: fills the last-run part. @fn NULL: keep all objects (query->kept). */
int ipc_query_execute(struct ipc_query *query, ipc_object_fn fn, void *data);

/* ---- change.c ------------------------------------------------------------------------------------------------ */

/* IPC_NEED_* of the verbs that @query is made for, for objects of @kind. */
unsigned ipc_change_needs(const struct ipc_query *query, const struct ipc_kind *kind);

/* ---- remove.c ------------------------------------------------------------------------------------------------ */

/* Is @query made for a removal that the state of @object, just judged, will forbid? */
bool ipc_removal_refuses(const struct ipc_query *query, const struct ipc_object *object);

/* ---- bounds.c ------------------------------------------------------------------------------------------------ */

/* Can only what somebody has be selected (--holder)? */
bool ipc_query_held_only(const struct ipc_query *query);
/* Can anybody have an object of @kind, as far as the kernel tells? */
bool ipc_kind_has_holders(const struct ipc_kind *kind);
/*
 * Settle whether nothing is asked for but by references, and whether the holders of these objects tell all that is to be known of
 * them: then it is found first, and who has it read afterwards, for that alone. Returns 0 or -ENOMEM.
 */
int ipc_run_bound(struct ipc_run *run);
/* The one process that is to be looked at, or 0. */
int64_t ipc_run_only_process(const struct ipc_run *run);

/* ---- choice.c ------------------------------------------------------------------------------------------------ */

/* Does `kind` have to be looked at for its own sake, not for a target's? */
bool ipc_query_selects(const struct ipc_query *query, const struct ipc_kind *kind);
/* Settle for a run which kinds are looked at: with thousands of targets that is not asked twice. */
void ipc_query_choose_kinds(struct ipc_query *query);
/* Is `kind` looked at in this run, for its own sake or a target's? */
bool ipc_query_looks_at(const struct ipc_query *query, const struct ipc_kind *kind);

/* ---- targets.c ------------------------------------------------------------------------------------------------ */

#define IPC_NO_TARGET SIZE_MAX

/* Hash the targets by locator and look where those that are paths lead. Returns 0 or -ENOMEM. */
int ipc_targets_prepare(struct ipc_query *query);
/* The first of the targets whose locator may be @locator, or IPC_NO_TARGET. */
size_t ipc_targets_first(const struct ipc_query *query, struct ipc_bytes locator);
/* The first of the targets that may lead to the file (@device, @inode), or IPC_NO_TARGET. */
size_t ipc_targets_first_file(const struct ipc_query *query, uint64_t device, uint64_t inode);
/* May objects of @ns answer @target? */
bool ipc_target_reaches(const struct ipc_run *run, const struct ipc_target *target, const struct ipc_ns *ns);
/*
 * Something called @name came or went: look again where targets that are paths and end like it lead.
 */
void ipc_targets_follow(struct ipc_query *query, struct ipc_bytes name);
/* After the run: say of each target how it fared, leave in query->kept what is to be handed over. Returns 0 or -ENOMEM. */
int ipc_targets_settle(struct ipc_query *query);

/* ---- join.c ---------------------------------------------------------------------------------------------------- */

int ipc_run_new(struct ipc_query *query, struct ipc_run **out);
struct ipc_run *ipc_run_ref(struct ipc_run *run);
void ipc_run_unref(struct ipc_run *run);
/* What the kinds of this run may have to look up, so that one scan serves all of them: IPC_SPACE_BIT()s. */
unsigned ipc_run_spaces(const struct ipc_run *run, bool *maps);
/* Record that @what ("files") of @count processes could not be read. */
void ipc_run_report_hidden(struct ipc_run *run, int error, const char *what, size_t count);
/* The directories that are scanned for FIFOs and socket files: to be freed, the paths are borrowed. NULL without memory. */
const char **ipc_query_scan_dirs(const struct ipc_query *query, size_t *count);

/* ---- join_holders.c -------------------------------------------------------------------------------------------- */

/*
 * A bounded run: have the holders of @keys (and of what references name by themselves) read, in one go with those that
 * were asked for before. Others need not call it: a key that was not asked for is when it is looked up.
 */
void ipc_run_cover(struct ipc_run *run, const struct ipc_keyset *keys);
void ipc_run_release_holders(struct ipc_run *run);

/* ---- run.c ------------------------------------------------------------------------------------------------------ */

/* A bounded run, at the end of a collect(): join, judge and select what it found. Returns 0 or -ENOMEM. */
int ipc_run_finish(struct ipc_run *run);

/* ---- names.c -------------------------------------------------------------------------------------------------- */

/* CLASS[@NS][+IDENTITY]: and the preferred locator; @identity may be NULL. */
struct ipc_bytes ipc_names_reference(struct ipc_run *run, const struct ipc_object *object, struct ipc_bytes identity);
/* Record in the query which targets @object answers; true when there is any. */
bool ipc_names_answer(struct ipc_run *run, struct ipc_object *object, int *error);

#endif
