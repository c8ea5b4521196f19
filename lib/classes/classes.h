/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a class and a kind are: const tables. A new kind is one file that defines one struct ipc_kind, and one line in classes.c. */
#ifndef IPC_CLASSES_CLASSES_H
#define IPC_CLASSES_CLASSES_H

#include "run.h"

struct ipc_class {
	const char *name;
	const char *help;
	const char *columns;             /* default columns of a table, comma-separated, lower case */
	const struct ipc_record *record; /* fields of its kinds; super is ipc_object_record */
};

/* Receives the spellings of an object; see ipc_names_add(). */
struct ipc_names;

/*
 * One more locator of the object being named, without "CLASS:", in the normal form of model/reference.h. The first one added is the one
 * that `ref` prints and must be unambiguous. @weak: gives way when another object answers to the same text strongly (an accepted
 * socket has its listener's path). Returns false when no further spelling is wanted.
 */
bool ipc_names_add(struct ipc_names *names, bool weak, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same for a decimal number, which most objects have: without the cost of a format. */
bool ipc_names_add_number(struct ipc_names *names, bool weak, uint64_t number);
/* The same for a prefix and bytes that may hold NUL. */
bool ipc_names_add_bytes(struct ipc_names *names, bool weak, const char *prefix, struct ipc_bytes rest);
/* "@MAJOR:MINOR:INODE" of @object. */
bool ipc_names_add_inode(struct ipc_names *names, bool weak, const struct ipc_object *object);
/*
 * The file (@device, @inode) names it: every path that leads there does, however spelled. Prints nothing; it only answers targets that are
 * paths, which the run resolves. For FIFOs, socket files, and sockets by the inode that they are bound to.
 */
bool ipc_names_add_file(struct ipc_names *names, bool weak, uint64_t device, uint64_t inode);

struct ipc_changes;
struct ipc_contents;
struct ipc_events;

/*
 * A kind whose objects outlive their users, so that somebody has to take them away: the table of proofs in
 * ipctool-clean(1), one row. The judgement itself is judge().
 */
struct ipc_waste {
	const char *proof; /* that nobody uses it now; "none" where the kernel gives none */
	const char *users; /* on record, by whose death it is abandoned */
	const char *best;  /* state that can be reached: "orphan", "suspect" */
	/* Is @object one of those? False for one that goes with its last user. NULL: all are. */
	bool (*stays)(const struct ipc_object *object);
};

struct ipc_kind {
	const char *name;
	const char *help;
	const struct ipc_class *cls;
	enum ipc_ns_type ns; /* the type of namespace that its objects live in; IPC_NS_NONE: host-wide */
	bool leaks; /* can outlive its users: shown by `list` alone (collect() narrows further by ipc_run_named_only) */
	bool signals;            /* left out of `list --all` */
	unsigned locators;       /* bits 1 << IPC_BY_*: the shapes of references that may name its objects; 0: any */
	unsigned spaces;         /* IPC_SPACE_BIT() under which its objects' holders and waiters are found */
	unsigned removal_spaces; /* those that judge() asks for besides, when its objects are to be removed */
	bool maps;               /* holders may be mappings: /proc/PID/maps has to be read */
	bool by_sharing;      /* what is one shows in the holders of all processes together: they are always all read */
	unsigned judge_needs; /* IPC_NEED_* that judge() relies on */
	/* List the objects of run->ns. Returns 0, what emit returned, or -errno (the run records it as a problem and goes on). */
	int (*collect)(struct ipc_run *run, const struct ipc_kind *kind);
	/*
	 * Fill in what rests on holders: they have been joined, and are looked up by ipc_run_find_held(). Not called for what nobody asked
	 * for, nor necessarily before collect() returns. NULL: nothing.
	 */
	void (*finish)(struct ipc_run *run, struct ipc_object *object);
	/* Add under which keys finish() looks up holders beyond the object's own. Returns 0 or more, or -ENOMEM. NULL: none. */
	int (*peers)(const struct ipc_object *object, struct ipc_keyset *keys);
	/* Every spelling of @object, the preferred first. */
	void (*names)(const struct ipc_object *object, struct ipc_names *names);
	/* What tells @object from a later one of the same name, appended to @out; letters, digits and dots alone. */
	int (*identity)(const struct ipc_object *object, struct ipc_buf *out);
	/* The state, with evidence; called after the join. NULL: held when it has holders, else none. */
	enum ipc_state (*judge)(struct ipc_run *run, const struct ipc_object *object);
	/* NULL: the kernel takes each away with its last user. */
	const struct ipc_waste *waste;
	/* How it is made, used and removed (classes/change.h). */
	const struct ipc_changes *changes;
	/* How it is read what its objects contain (classes/contents.h). */
	const struct ipc_contents *contents;
	/* What is told of them as it happens (classes/events.h). NULL: nothing. */
	const struct ipc_events *events;
};

/* identity() of everything with an inode: MAJOR.MINOR.INODE[.BIRTH] */
int ipc_identity_inode(const struct ipc_object *object, struct ipc_buf *out);
/* identity() of System V objects: KEY.CHANGED, the key as 0x%08x and the change time in seconds. */
int ipc_identity_sysv(const struct ipc_object *object, struct ipc_buf *out);

extern const struct ipc_class ipc_class_pipe, ipc_class_fifo, ipc_class_mq, ipc_class_shm, ipc_class_sem,
	ipc_class_sock, ipc_class_signal;

#endif
