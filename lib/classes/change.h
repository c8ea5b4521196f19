/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a kind is changed: one const table, in CLASS_KIND_change.c beside the kind's own file.
 *
 * Operations run inside the object's namespace (ipc_ns_call), so they use system calls alone there: no NSS, no dlopen.
 * Each returns 0 or -errno with text by ipc_ctx_fail(); the text does not repeat the reference. Each identifies the object
 * anew before it changes anything: -ESTALE when it is another one by now.
 */
#ifndef IPC_CLASSES_CHANGE_H
#define IPC_CLASSES_CHANGE_H

#include <sys/types.h>

#include "classes/classes.h"
#include "settings.h"

/* What create() is asked for, and what it leaves. */
struct ipc_creation {
	struct ipc_ctx *ctx;
	const struct ipc_kind *kind;
	const struct ipc_reference *ref;     /* the name it shall have; NULL: by kind alone */
	const struct ipc_settings *settings; /* never NULL; only such as create_takes has, and all of create_needs */
	unsigned flags;                      /* IPC_CREATE_* */
	mode_t mode;                         /* to be given exactly: the thread's umask is 0 */
	mode_t umask;                        /* the caller's, for directories on the way */
	/* filled by create(), the first also with -EEXIST where it is known */
	struct ipc_buf locator; /* of what was made, as names() spells it: "5", "/jobs", a socket's inode */
	int fd;                 /* of a socket; -1 */
	int dir;                /* descriptor of the directory that the socket file is in; -1 */
	struct ipc_buf file;    /* its name there */
	uint64_t inode;         /* of that file */
};

/* An object opened for messages. */
struct ipc_port {
	struct ipc_ctx *ctx;
	const struct ipc_object *object;
	const struct ipc_changes *changes;
	enum ipc_verb verb;
	int fd;       /* -1: none; closed with the port */
	bool stream;  /* keeps no boundaries */
	size_t limit; /* bytes of the largest message; 0: no limit */
	char *buffer; /* for receive(); freed with the port */
	size_t room;
	void *own; /* of the kind; freed with the port */
};

/* Absolute CLOCK_MONOTONIC in ns (sources/deadline.h): IPC_NO_WAIT, IPC_NO_DEADLINE or a time. */
typedef int64_t ipc_deadline;

struct ipc_changes {
	/* Why the kind has not a verb, and what to do instead: a sentence without a capital and a full stop. NULL where it has. */
	const char *refuse[IPC_VERBS];
	unsigned create_takes, create_needs; /* IPC_SET_* */
	unsigned set_takes;
	unsigned creates_by;          /* bits 1 << IPC_BY_*: references that create() takes; 0: none, the kind alone */
	const char *creation_example; /* locator for messages: "/path"; NULL: "/name" */
	bool creates_unnamed;         /* create() takes "CLASS/KIND" without a reference */
	unsigned set_needs, send_needs, remove_needs; /* IPC_NEED_* beyond the cheap listing */
	bool proves; /* remove() proves itself that nobody has the object (a write lease): an unknown state is left to it */
	bool unblocks; /* remove() lets tasks go that hang in opening it, when it is asked to */

	int (*create)(struct ipc_creation *creation);
	int (*set)(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings);
	/* Fill port->fd, stream, limit, own. */
	int (*open)(struct ipc_port *port, ipc_deadline deadline);
	int (*send)(struct ipc_port *port, const struct ipc_message *message, ipc_deadline deadline, size_t *sent);
	int (*receive)(struct ipc_port *port, const struct ipc_choice *choice, ipc_deadline deadline,
		       struct ipc_message *out, bool *end);
	int (*post)(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t index, uint64_t count);
	int (*wait)(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_waiting *how,
		    ipc_deadline deadline);
	/*
	 * Called when the state allows it as far as @how->force says. Looks once more: what came into use since is -EBUSY
	 * unless IPC_FORCE_HELD. Notes for the user go to ipc_ctx_set_note().
	 */
	int (*remove)(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how);
};

/*
 * For an object of which use cannot be excluded: may it go all the same, because it is the caller's own and closed to
 * everybody else? Then the note says so. In remove.c.
 */
bool ipc_removal_private(struct ipc_ctx *ctx, const struct ipc_object *object);

#endif
