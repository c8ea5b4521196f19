/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policies of `clean`: rules as plain values, read from files, and matched with objects. */
#ifndef IPC_POLICY_H
#define IPC_POLICY_H

#include <ipctool/clean.h>

#include "classes/list.h"
#include "model/bytes.h"
#include "model/object.h"

/* A glob for names as printed. "<pid>" in it stands for a process id: one decimal number. */
struct ipc_rule_name {
	char *glob; /* with a number: what stands before it */
	bool has_pid;
	const char *tail; /* what stands behind it; in the same allocation */
	size_t literal;   /* so many bytes of `glob` stand for themselves: most names fail there */
};

/* Users: by number, or by a glob for the name. */
struct ipc_rule_owner {
	char *glob; /* NULL: `uid` */
	uint64_t uid;
};

struct ipc_rule_keys {
	uint64_t first, last;
};

/* Empty lists match everything. */
struct ipc_rule {
	char *name;
	const char *file; /* the policy's */
	unsigned line;
	unsigned given; /* bits 1 << IPC_GIVEN_*: the keys that were put, well or badly */
	bool faulty;    /* something was put badly */
	enum ipc_action action;
	bool kinds[IPC_KINDS_MAX];   /* of `kind`; once it is finished those that can match at all */
	bool classes[IPC_KINDS_MAX]; /* kinds of `class`, until it is finished */
	struct ipc_rule_name *names;
	size_t name_count;
	struct ipc_rule_keys *keys;
	size_t key_count;
	struct ipc_rule_owner *owners;
	size_t owner_count;
	/*
	 * Unused for at least `min_age`, and less than `max_age`; IPC_UNKNOWN_INT: not asked for. Of a rule that removes,
	 * min_age is no condition of the match: it keeps what is younger.
	 */
	int64_t min_age, max_age;
	uint64_t min_size, max_size; /* at least, less than; IPC_UNKNOWN: not asked for */
	unsigned states;             /* bits 1 << IPC_STATE_*; never 0 */
};

struct ipc_policy {
	struct ipc_ctx *ctx;
	struct ipc_rule *rules;
	size_t rule_count;
	struct ipc_policy_fault *faults; /* their strings are the policy's own */
	size_t fault_count;
	char **files;
	size_t file_count;
};

/* ---- rule.c: one rule; rule_words.c: its keys and their words ------------------------------------------------------ */

enum ipc_rule_given {
	IPC_GIVEN_ACTION,
	IPC_GIVEN_CLASS,
	IPC_GIVEN_KIND,
	IPC_GIVEN_NAME,
	IPC_GIVEN_KEY,
	IPC_GIVEN_OWNER,
	IPC_GIVEN_AGE,
	IPC_GIVEN_SIZE,
	IPC_GIVEN_STATE,
	IPC_GIVEN_COUNT
};

/* A rule without conditions that is to be filled; @name is copied. 0 or -ENOMEM. */
int ipc_rule_init(struct ipc_rule *rule, const char *name, const char *file, unsigned line);
void ipc_rule_release(struct ipc_rule *rule);
/* Where a value is wrong: from its byte `at` up to `end`; `key`: what is wrong is the key. */
struct ipc_rule_place {
	bool key;
	size_t at, end;
};

/*
 * Give it the conditions, or the action, that @key = @value spells, from byte @from of the value on. -EINVAL: @why
 * (appended) says what is wrong, and @place where; what stood before it was put. -ENOMEM.
 */
int ipc_rule_put(struct ipc_rule *rule, const char *key, const char *value, size_t from, struct ipc_buf *why,
		 struct ipc_rule_place *place);
/* All of it was put: fill in what is left to be assumed, refuse what does not go together. -EINVAL with @why. */
int ipc_rule_finish(struct ipc_rule *rule, struct ipc_buf *why);
bool ipc_rule_was_given(const struct ipc_rule *rule, enum ipc_rule_given key);
/* Is that a key of rules? */
bool ipc_rule_has_key(const char *key, size_t len);

/* ---- rule_name.c: globs for names ---------------------------------------------------------------------------------- */

/* Take @word apart into @out (whose glob is the caller's then). -EINVAL with @why, -ENOMEM. */
int ipc_rule_name_parse(struct ipc_bytes word, struct ipc_rule_name *out, struct ipc_buf *why);
/* Is it a glob at all: has each bracket an end? -EINVAL with @why. */
int ipc_rule_glob_check(struct ipc_bytes word, struct ipc_buf *why);
/* Is it spelled as names are printed? What no name is printed as matches nothing. -EINVAL with @why, -ENOMEM. */
int ipc_rule_spelling_check(struct ipc_bytes word, struct ipc_buf *why);
/* Does every name match it? */
bool ipc_rule_name_is_all(const struct ipc_rule_name *name);

/* ---- policy.c; files.c finds, checks and reads the files ------------------------------------------------------------- */

/* @items, moved perhaps, with room for one more behind @count of them of @size bytes each; NULL: no memory, and as it was. */
void *ipc_policy_make_room(void *items, size_t count, size_t size);
/* Takes over what @rule owns. 0 or -ENOMEM. */
int ipc_policy_add(struct ipc_policy *policy, struct ipc_rule *rule);
/* @file is the policy's own (ipc_policy.files). 0 or -ENOMEM. */
int ipc_policy_add_fault(struct ipc_policy *policy, const char *file, unsigned line, unsigned column, const char *why);
/* Note that @path is read; *@out is the policy's own copy. 0 or -ENOMEM. */
int ipc_policy_add_file(struct ipc_policy *policy, const char *path, const char **out);

/* ---- read.c (inih), or read_none.c ---------------------------------------------------------------------------------- */

/* Does this build read policy files? */
bool ipc_policy_built(void);
/* Read @text of the file @file (the policy's own). 0, -EINVAL with faults, -ENOMEM. */
int ipc_policy_parse(struct ipc_policy *policy, const char *file, const char *text, size_t len);

/* ---- match.c -------------------------------------------------------------------------------------------------------- */

/* IPC_NEED_* that matching takes, for objects of @kind. */
unsigned ipc_policy_needs(const struct ipc_policy *policy, const struct ipc_kind *kind);
/*
 * The numbers that "<pid>" may stand for in a name, in the order found: in "/x_12_34_y" that is not certain. Those behind the
 * last one that there is room for are only counted.
 */
#define IPC_PIDS_MAX 8
struct ipc_pids {
	int64_t numbers[IPC_PIDS_MAX];
	size_t count;
};
/*
 * Does @rule match @object, but for its states and the min_age of a rule that removes? @pids gets all numbers that "<pid>"
 * may stand for, in all patterns that match: each has to be dead. None when a pattern that matches has no "<pid>".
 */
bool ipc_rule_matches(const struct ipc_rule *rule, const struct ipc_object *object, struct ipc_pids *pids);

#endif
