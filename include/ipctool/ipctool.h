/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libipctool: every kernel IPC object of a Linux host behind one model.
 *
 * A program makes a context, builds a query (which kinds, which fields, which conditions), runs it, and
 * reads the fields of each object. Inspection never disturbs: nothing is attached, consumed, opened on its
 * data side, connected to, created or mounted.
 *
 * Conventions: functions return 0 or a negative errno unless their comment says otherwise; text about the
 * last failure is in ipc_ctx_error(). A context and all that comes from it belong to one thread at a time;
 * two contexts may be used by two threads. Strings from the kernel are bytes (struct ipc_bytes): they may
 * hold any byte, and are borrowed from their object. All functions are available since version 0.1.
 */
#ifndef IPCTOOL_IPCTOOL_H
#define IPCTOOL_IPCTOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define IPC_EXPORT __attribute__((visibility("default")))
#else
#define IPC_EXPORT
#endif

struct ipc_ctx;    /* settings, error text, open source descriptors */
struct ipc_class;  /* "mq": what users name first */
struct ipc_kind;   /* "mq/sysv": one kernel mechanism */
struct ipc_record; /* the fields of a kind, or of one entry of a list */
struct ipc_field;  /* one column: name, type, help */
struct ipc_object; /* one kernel object */
struct ipc_query;  /* what to look for, and afterwards how complete the answer is */
struct ipc_set;    /* objects kept by ipc_query_collect() */

/* ---- values ---------------------------------------------------------------------------------------- */

/** Bytes as the kernel has them: not terminated, possibly with NUL or control bytes. data NULL: not known. */
struct ipc_bytes {
	const char *data;
	size_t len;
};

/** The type of a field; how its values are stored in struct ipc_value is behind each. */
enum ipc_type {
	IPC_TYPE_BOOL,     /* u: 0 or 1 */
	IPC_TYPE_INT,      /* i */
	IPC_TYPE_UINT,     /* u: a count, an id, an inode */
	IPC_TYPE_SIZE,     /* u: bytes */
	IPC_TYPE_KEY,      /* u: a System V key, printed 0x%08x */
	IPC_TYPE_ADDRESS,  /* u: a virtual address, printed 0x%x */
	IPC_TYPE_MODE,     /* u: permission bits, printed 0%03o */
	IPC_TYPE_TIME,     /* i: nanoseconds since the epoch, UTC */
	IPC_TYPE_DURATION, /* i: nanoseconds */
	IPC_TYPE_STRING,   /* str */
	IPC_TYPE_STRINGS,  /* list of struct ipc_bytes: ipc_value_string() */
	IPC_TYPE_RECORDS,  /* list of records: ipc_value_member() */
	IPC_TYPE_RECORD,   /* the same with one entry, of which only the members that are known are shown */
};

/** The entries of a list; opaque but for their number. */
struct ipc_value_list {
	const void *items;
	size_t count;
	const struct ipc_record *of; /* RECORDS and RECORD only */
};

/** One value read from an object. Borrowed: valid as long as the object. */
struct ipc_value {
	enum ipc_type type;
	bool null; /* not known, or does not apply; no other member is set then */
	union {
		int64_t i;
		uint64_t u;
		struct ipc_bytes str;
		struct ipc_value_list list;
	};
};

/**
 * Read entry @index (0 .. list.count - 1) of a STRINGS value.
 * Returns the bytes; data NULL when @value is null, of another type, or @index is out of range.
 */
IPC_EXPORT struct ipc_bytes ipc_value_string(const struct ipc_value *value, size_t index);

/**
 * Read member @field of entry @index of a RECORDS or RECORD value into @out.
 * Returns 0, or -EINVAL when @value has no records, @index is out of range, or @field is not of its record.
 */
IPC_EXPORT int ipc_value_member(const struct ipc_value *value, size_t index, const struct ipc_field *field,
				struct ipc_value *out);

/**
 * Escape @len bytes at @data for output: every byte outside printable ASCII, and the backslash, becomes \xHH.
 * Writes at most @size bytes to @out, always terminated when @size > 0.
 * Returns the length the whole text needs, without the terminator (as snprintf does).
 */
IPC_EXPORT size_t ipc_escape(const char *data, size_t len, char *out, size_t size);

/* ---- context --------------------------------------------------------------------------------------- */

/** Where holders (who has an object open or mapped) are read from. */
enum ipc_holder_source {
	IPC_HOLDERS_AUTO, /* whichever is expected to be cheaper of those that work */
	IPC_HOLDERS_BPF,  /* BPF iterators task_file and task_vma; needs CAP_BPF and CAP_PERFMON */
	IPC_HOLDERS_PROC, /* /proc/PID/fd and /proc/PID/maps */
};

/**
 * Make a context. @out is the caller's, to be given back with ipc_ctx_unref().
 * Errors: -ENOMEM, -ENODEV (no proc file system at /proc), or why it cannot be opened.
 */
IPC_EXPORT int ipc_ctx_new(struct ipc_ctx **out);
/** Take another reference; returns @ctx. */
IPC_EXPORT struct ipc_ctx *ipc_ctx_ref(struct ipc_ctx *ctx);
/** Give a reference back; the last one frees the context. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_ctx *ipc_ctx_unref(struct ipc_ctx *ctx);
/**
 * Read everything below directory @root instead of /: a captured tree with proc/, dev/shm/ and so on.
 * System calls and netlink are then not used; what only they can tell is not known. Errors: as open(2).
 */
IPC_EXPORT int ipc_ctx_set_root(struct ipc_ctx *ctx, const char *root);
/** Choose the source of holders; default IPC_HOLDERS_AUTO. -ENOTSUP: this build or kernel has no such source. */
IPC_EXPORT int ipc_ctx_set_holder_source(struct ipc_ctx *ctx, enum ipc_holder_source source);
/** What the last failed call could not do, as one unescaped line, or "" ; borrowed until the next call. */
IPC_EXPORT const char *ipc_ctx_error(const struct ipc_ctx *ctx);
/** Version of the library, "MAJOR.MINOR.PATCH". */
IPC_EXPORT const char *ipc_version(void);
/** Optional parts of this build, separated by spaces: "+bpf" or "-bpf", "+inih" or "-inih". */
IPC_EXPORT const char *ipc_features(void);

/* ---- what there is: classes, kinds, fields --------------------------------------------------------- */

/** The class after @prev, the first one for NULL; NULL after the last. */
IPC_EXPORT const struct ipc_class *ipc_class_next(const struct ipc_class *prev);
/** The class called @name, or NULL. */
IPC_EXPORT const struct ipc_class *ipc_class_find(const char *name);
/** "mq" */
IPC_EXPORT const char *ipc_class_name(const struct ipc_class *cls);
/** One line for people. */
IPC_EXPORT const char *ipc_class_help(const struct ipc_class *cls);
/** Names of the columns that a table of this class shows by default, separated by commas. */
IPC_EXPORT const char *ipc_class_columns(const struct ipc_class *cls);

/** The kind after @prev, the first one for NULL; NULL after the last. Kinds of a class stand together. */
IPC_EXPORT const struct ipc_kind *ipc_kind_next(const struct ipc_kind *prev);
/** "sysv" */
IPC_EXPORT const char *ipc_kind_name(const struct ipc_kind *kind);
/** One line for people. */
IPC_EXPORT const char *ipc_kind_help(const struct ipc_kind *kind);
/** The class of @kind. */
IPC_EXPORT const struct ipc_class *ipc_kind_class(const struct ipc_kind *kind);
/** The fields of its objects: the common ones first. */
IPC_EXPORT const struct ipc_record *ipc_kind_record(const struct ipc_kind *kind);

/** Field @index of @record, or NULL past the end. */
IPC_EXPORT const struct ipc_field *ipc_record_field(const struct ipc_record *record, size_t index);
/** The field called @name in lower case, or NULL. */
IPC_EXPORT const struct ipc_field *ipc_record_find(const struct ipc_record *record, const char *name);
/** Name in lower case: the JSON key, and in upper case the column. */
IPC_EXPORT const char *ipc_field_name(const struct ipc_field *field);
/** Type of its values. */
IPC_EXPORT enum ipc_type ipc_field_type(const struct ipc_field *field);
/** One line for people. */
IPC_EXPORT const char *ipc_field_help(const struct ipc_field *field);
/** True for what ipc_query_clean() (ipctool/clean.h) alone fills in; everywhere else it is null. */
IPC_EXPORT bool ipc_field_of_cleaning(const struct ipc_field *field);
/** For IPC_TYPE_RECORDS and IPC_TYPE_RECORD what the entries are, else NULL. */
IPC_EXPORT const struct ipc_record *ipc_field_record(const struct ipc_field *field);

/* ---- objects --------------------------------------------------------------------------------------- */

/** The kind of @object. */
IPC_EXPORT const struct ipc_kind *ipc_object_kind(const struct ipc_object *object);
/**
 * Read @field of @object into @out. A field that this kind does not have, that was not wanted, or that is not known is null.
 * @field may come from any kind: it is looked up by name when it is not of this object's record.
 */
IPC_EXPORT void ipc_object_get(const struct ipc_object *object, const struct ipc_field *field, struct ipc_value *out);
/**
 * Read @count fields at once, for who shows thousands of objects: @out has as many values. @fields[i] is of the record of this
 * object's kind, which is not looked up again; NULL gives null.
 */
IPC_EXPORT void ipc_object_get_all(const struct ipc_object *object, const struct ipc_field *const *fields, size_t count,
				   struct ipc_value *out);
/** Read a field by name. Returns 0, or -ENOENT when this kind has no such field. */
IPC_EXPORT int ipc_object_get_by_name(const struct ipc_object *object, const char *name, struct ipc_value *out);

/* ---- queries --------------------------------------------------------------------------------------- */

/** What a query without classes and references looks at. */
enum ipc_view {
	IPC_VIEW_NAMED, /* what a name, key or id reaches and so can leak */
	IPC_VIEW_ALL,   /* everything but signals */
};

/** Make an empty query on @ctx (which it references). Give back with ipc_query_free(). */
IPC_EXPORT int ipc_query_new(struct ipc_ctx *ctx, struct ipc_query **out);
/** Free a query and what it found. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_query *ipc_query_free(struct ipc_query *query);
/** What to look at when nothing was added with ipc_query_add(). Default IPC_VIEW_NAMED. */
IPC_EXPORT void ipc_query_set_view(struct ipc_query *query, enum ipc_view view);
/** Look at @kind (as well). */
IPC_EXPORT int ipc_query_add_kind(struct ipc_query *query, const struct ipc_kind *kind);
/**
 * Look at what @text names (as well): "CLASS", "CLASS/KIND", a reference, or a path beginning with / or ./ .
 * @literal: take the bytes as they stand, without decoding \xHH.
 * Errors: -EINVAL with ipc_ctx_error() saying what is wrong and what to write instead; -ENOMEM.
 */
IPC_EXPORT int ipc_query_add(struct ipc_query *query, const char *text, bool literal);
/** Collect the field called @name (any case). -ENOENT: no kind has such a field. */
IPC_EXPORT int ipc_query_want(struct ipc_query *query, const char *name);
/** Collect every field of the kinds looked at. */
IPC_EXPORT void ipc_query_want_all(struct ipc_query *query);
/** Keep only objects for which @expression (ipctool-filter(5)) holds; several calls must all hold. -EINVAL with text. */
IPC_EXPORT int ipc_query_filter(struct ipc_query *query, const char *expression);
/** Keep only objects whose name matches the shell pattern @glob; several calls: any. Objects without a name do not match. */
IPC_EXPORT int ipc_query_match(struct ipc_query *query, const char *glob);
/** Keep only objects held by @who: a pid in decimal, or a comm. A pid limits the holder scan to that process. */
IPC_EXPORT int ipc_query_holder(struct ipc_query *query, const char *who);
/** Look for FIFOs and socket files below directory @path too. Errors: as open(2). */
IPC_EXPORT int ipc_query_scan(struct ipc_query *query, const char *path);
/** Look into the namespaces of @who, a pid in decimal or the path of a namespace file, instead of the caller's. */
IPC_EXPORT int ipc_query_namespace(struct ipc_query *query, const char *who);
/** Look into every ipc, net and mount namespace that /proc can name. */
IPC_EXPORT void ipc_query_all_namespaces(struct ipc_query *query);

/**
 * Called for each object; it is valid during the call alone. Non-zero stops the query, which then returns that value.
 * While the query looks into another ipc or network namespace, the call comes from a thread that stands in it, and the
 * caller's thread waits.
 */
typedef int (*ipc_object_fn)(const struct ipc_object *object, void *data);
/**
 * Run @query and hand over each object as soon as it is known. Order: class by class, own namespaces first.
 * Returns 0 (also when something could not be read: see ipc_query_complete()), what @fn returned, or -errno.
 */
IPC_EXPORT int ipc_query_run(struct ipc_query *query, ipc_object_fn fn, void *data);
/** Run @query and keep the objects; @out is the caller's and may outlive @query. */
IPC_EXPORT int ipc_query_collect(struct ipc_query *query, struct ipc_set **out);

/** After a run: false when something asked for could not be read. */
IPC_EXPORT bool ipc_query_complete(const struct ipc_query *query);
/** Why something could not be read. Strings are borrowed from the query. */
struct ipc_problem {
	const char *what; /* "files of 312 processes", "/dev/mqueue" */
	int error;        /* positive errno, 0 when there is none */
	const char *why;  /* what would help: "needs CAP_SYS_PTRACE" */
	bool privilege;   /* true: a privilege the caller lacks, as is normal for an ordinary user */
	/* names, separated by commas, of fields that are null for this reason; NULL: objects or holders may be missing */
	const char *fields;
};
/** Problem @index of the last run; returns false past the last one. */
IPC_EXPORT bool ipc_query_problem(const struct ipc_query *query, size_t index, struct ipc_problem *out);
/** Which source gave the holders in the last run: "bpf", "proc", or "none" when nothing asked for holders. */
IPC_EXPORT const char *ipc_query_holder_source(const struct ipc_query *query);

/** How a reference of the query fared in the last run. */
enum ipc_match {
	IPC_MATCH_NONE,       /* no such object */
	IPC_MATCH_ONE,        /* found */
	IPC_MATCH_MANY,       /* several objects answer to it */
	IPC_MATCH_REPLACED,   /* one answers to the name, but it is not the one the +IDENTITY speaks of */
	IPC_MATCH_WRONG_TYPE, /* the path exists, but is no object of that class */
	IPC_MATCH_DENIED,     /* objects of that name could not be looked at for lack of permission */
};
/** Reference @index (in the order added); @text is as given. Returns false past the last one. */
IPC_EXPORT bool ipc_query_reference(const struct ipc_query *query, size_t index, const char **text,
				    enum ipc_match *match);
/**
 * The reference of object @candidate that answers to reference @index, for IPC_MATCH_MANY and IPC_MATCH_REPLACED (those objects are
 * not handed over by the run). Returns false past the last one.
 */
IPC_EXPORT bool ipc_query_candidate(const struct ipc_query *query, size_t index, size_t candidate,
				    struct ipc_bytes *ref);

/** Number of objects. */
IPC_EXPORT size_t ipc_set_count(const struct ipc_set *set);
/** Object @index, or NULL past the end; borrowed from the set. */
IPC_EXPORT const struct ipc_object *ipc_set_get(const struct ipc_set *set, size_t index);
/** Sort by the field called @name (null last), descending when @descending; stable. -ENOENT: no such field. */
IPC_EXPORT int ipc_set_sort(struct ipc_set *set, const char *name, bool descending);
/** Free a set. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_set *ipc_set_free(struct ipc_set *set);

#ifdef __cplusplus
}
#endif
#endif
