/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libipctool: taking away what is provably garbage.
 *
 * A query says which objects are looked at. Each gets a verdict: from its state (ipctool(1)), from how long it has not been
 * used, and from the rules of policy files. With `apply`, what may go is looked at once more, all evidence read anew, and
 * removed as ipc_object_remove() does, which looks a last time. What anything speaks for is kept, with the reason.
 */
#ifndef IPCTOOL_CLEAN_H
#define IPCTOOL_CLEAN_H

#include <ipctool/change.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what can be garbage --------------------------------------------------------------------------------------------- */

/** What a kind can prove. Strings are for people, and for ever. */
struct ipc_proof {
	const char *unused; /* how it is proven that nobody uses an object now; "none" and why, where it is not */
	const char *users;  /* who is on record: by their death it is abandoned */
	const char *best;   /* the state that can be reached: "orphan" or "suspect" */
};

/** The proofs of @kind. False, and @out untouched: the kernel takes its objects away with their last user. */
IPC_EXPORT bool ipc_kind_proof(const struct ipc_kind *kind, struct ipc_proof *out);

/* ---- policies -------------------------------------------------------------------------------------------------------- */

struct ipc_policy; /* rules, in the order in which they are tried */

/** What a rule does with the objects that match it. */
enum ipc_action {
	IPC_ACTION_REMOVE,  /* they may go, when they are as unused as the rule says */
	IPC_ACTION_REPORT,  /* they stay, and are told of */
	IPC_ACTION_PROTECT, /* they stay, whatever else is asked for */
};

/** "remove" */
IPC_EXPORT const char *ipc_action_name(enum ipc_action action);

/** Make a policy without rules on @ctx (which it references). Errors: -ENOMEM. */
IPC_EXPORT int ipc_policy_new(struct ipc_ctx *ctx, struct ipc_policy **out);
/** Free it. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_policy *ipc_policy_free(struct ipc_policy *policy);
/**
 * Read the rules of the file @path (ipctool-clean.conf(5)) and put them behind those that are there. All of a file is read:
 * each thing that is wrong becomes a fault. Errors, with text: -EINVAL (faults: none of its rules is taken), -EPERM
 * (somebody other than the caller and root may write to it), -ENOTSUP (this build reads no policy files), and as open(2).
 */
IPC_EXPORT int ipc_policy_read(struct ipc_policy *policy, const char *path);
/**
 * The same for all files of the directory @path whose names end in ".conf" and begin with no dot, in the order of their names as bytes.
 * Goes on after a file with faults, and returns the first error. A directory that does not exist has no rules. Also
 * -EPERM when somebody other than the caller and root may write to the directory.
 */
IPC_EXPORT int ipc_policy_read_directory(struct ipc_policy *policy, const char *path);

/** One thing that is wrong in a policy file. Strings are borrowed from the policy. */
struct ipc_policy_fault {
	const char *file;
	unsigned line, column; /* from 1 on; 0: the file as a whole */
	const char *why;       /* one unescaped line */
};
/** Fault @index of all files read; false past the last one. */
IPC_EXPORT bool ipc_policy_fault(const struct ipc_policy *policy, size_t index, struct ipc_policy_fault *out);

/** One rule, as far as it concerns people. Strings are borrowed from the policy. */
struct ipc_policy_rule {
	const char *name; /* of its section */
	const char *file;
	unsigned line;
	enum ipc_action action;
};
/** Rule @index in the order in which they are tried; false past the last one. */
IPC_EXPORT bool ipc_policy_rule(const struct ipc_policy *policy, size_t index, struct ipc_policy_rule *out);
/** How many files were read. */
IPC_EXPORT size_t ipc_policy_files(const struct ipc_policy *policy);

/* ---- cleaning -------------------------------------------------------------------------------------------------------- */

/** How long an object has to be unused when nobody says otherwise, in nanoseconds: one hour. */
#define IPC_CLEAN_MIN_AGE INT64_C(3600000000000)

enum ipc_clean_include {
	IPC_INCLUDE_SUSPECT = 1u << 0, /* also what is only suspected to be abandoned */
	IPC_INCLUDE_IDLE = 1u << 1,    /* also what nobody uses now, though somebody may come back */
};

/** What a cleaning does. All zero: it says what would be done. */
struct ipc_cleaning {
	const struct ipc_policy *policy; /* NULL: no rules */
	/*
	 * Nothing younger is removed, in nanoseconds. 0: what a rule asks for, or IPC_CLEAN_MIN_AGE where none speaks of it;
	 * negative: no limit but that of rules.
	 */
	int64_t min_age;
	/*
	 * IPC_INCLUDE_*: the query has to be limited by owners, keys or names then; rules need it not. The caller has to see to
	 * that: it is not checked.
	 */
	unsigned include;
	bool owner_gone; /* only what belongs to users who certainly have no process */
	bool apply;      /* remove; else nothing is changed */
	uint64_t max;    /* with apply: no further removal after as many; 0: no limit */
	/*
	 * With apply, called right before an object goes. NULL lets it go; a text, borrowed until the next call, is why it is
	 * kept. It is called from the caller's own thread and namespaces. May be NULL itself.
	 */
	const char *(*before)(const struct ipc_object *object, void *data);
	/*
	 * Called once for each object, with its verdict, rule, why and result; not for those that are gone, or cannot be reached
	 * any more, at the second look: these are only counted. Non-zero ends the cleaning with that value;
	 * with apply nothing is removed after it. As ipc_query_run() says, while the query looks into another namespace the
	 * call comes from a thread that stands in it.
	 */
	ipc_object_fn tell;
	/*
	 * Called often, from where tell() is called: @looked objects were looked at so far, @found of them may go. Non-zero ends
	 * the cleaning with that value. May be NULL.
	 */
	int (*step)(uint64_t looked, uint64_t found, void *data);
	void *data;
};

/** What came of it. Without apply `removed` and `bytes` are what would be. */
struct ipc_cleaned {
	uint64_t removed, kept, reported, spared, gone, failed; /* objects; spared: by a rule that protects */
	uint64_t bytes;                                         /* of memory or messages in those that were removed */
	bool stopped;                                           /* `max` was reached, and there was more */
};

/**
 * Clean what @query finds; without kinds and references all kinds with a proof. Wanted fields are collected as in a run;
 * verdict, rule, why and result come by themselves. Every object is judged in this way:
 * 1. The first rule that matches decides: protect, report, or remove. Rules that remove match nothing that is in use or may
 *    be.
 * 2. Without a rule an orphan may go, and as `include` says what is suspect or idle. Anything else is kept.
 * 3. What may go is kept nevertheless when a sign on it says so (a socket file of mode 000), when it was used too lately, when
 *    it belongs to somebody else and the caller is not root, or when others made the mounts that its name depends on.
 * A reference to an object of which nothing is ever left to clean gets the verdict "keep".
 * Returns 0, what tell() returned, or -errno with text. Single objects that could not be removed are no error:
 * their result is "failed" with the reason in `why`. ipc_query_complete() and so on speak of the first look.
 */
IPC_EXPORT int ipc_query_clean(struct ipc_query *query, const struct ipc_cleaning *how, struct ipc_cleaned *out);
/**
 * Is it certain that user @uid has no process, from a complete scan of the initial pid namespace? 0: it is. Errors, with text:
 * -EBUSY (he has some), -EACCES (not all processes can be seen), and as open(2).
 */
IPC_EXPORT int ipc_user_absent(struct ipc_ctx *ctx, uint64_t uid);
/** While tell() is called for a result "failed": the positive errno; else 0. */
IPC_EXPORT int ipc_clean_error(const struct ipc_query *query);

#ifdef __cplusplus
}
#endif
#endif
