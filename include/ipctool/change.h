/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libipctool: what changes objects. Making, setting, using and removing them.
 *
 * Everything but ipc_create() works on an object that a query found (ipctool.h). The set that it came from must live as
 * long as what is done with it. Before anything is changed the object is identified anew (System V: id, key and change
 * time; files: device and inode; sockets: cookie; processes: start time), so a name that meanwhile leads elsewhere is
 * reported as -ESTALE, and what it leads to is left alone.
 *
 * Timeouts are nanoseconds: 0 does not wait, negative waits for ever. ipc_ctx_error() has the text of a failure.
 */
#ifndef IPCTOOL_CHANGE_H
#define IPCTOOL_CHANGE_H

#include <ipctool/ipctool.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A timeout as people write it: "500ms", "5s", "1h30m"; of bare numbers only "0". @out in nanoseconds, never negative.
 * Errors: -EINVAL (not of that form), -ERANGE (does not fit).
 */
IPC_EXPORT int ipc_duration_parse(const char *text, int64_t *out);
/** A number of bytes as people write it: "4096", "64K", "1.5MiB", "10MB". Errors: as above. */
IPC_EXPORT int ipc_size_parse(const char *text, uint64_t *out);

/* ---- verbs ----------------------------------------------------------------------------------------- */

/** What can be done to an object beyond listing it. */
enum ipc_verb {
	IPC_VERB_DUMP, /* ipctool/dump.h */
	IPC_VERB_CREATE,
	IPC_VERB_SET,
	IPC_VERB_SEND,
	IPC_VERB_RECEIVE,
	IPC_VERB_POST,
	IPC_VERB_WAIT,
	IPC_VERB_REMOVE,
	IPC_VERB_CLEAN, /* ipctool/clean.h */
	IPC_VERBS       /* how many there are */
};

/** "create" */
IPC_EXPORT const char *ipc_verb_name(enum ipc_verb verb);
/** Does @kind have @verb? False: *@why (NULL is allowed) is a sentence that says why not, and what to do instead. */
IPC_EXPORT bool ipc_kind_has(const struct ipc_kind *kind, enum ipc_verb verb, const char **why);
/** Collect what @verb has to know of the objects that the query finds. For removals see ipc_query_want_removal(). */
IPC_EXPORT void ipc_query_want_verb(struct ipc_query *query, enum ipc_verb verb);

/* ---- settings: attributes of objects to be made or changed ----------------------------------------- */

struct ipc_setting;  /* one attribute that can be set: "mode" */
struct ipc_settings; /* attributes with the values that they shall get */

/** The setting after @prev, the first one for NULL; NULL after the last. */
IPC_EXPORT const struct ipc_setting *ipc_setting_next(const struct ipc_setting *prev);
/** "max-bytes" */
IPC_EXPORT const char *ipc_setting_name(const struct ipc_setting *setting);
/** One line for people. */
IPC_EXPORT const char *ipc_setting_help(const struct ipc_setting *setting);
/** What its value looks like: "SIZE", "USER|UID". */
IPC_EXPORT const char *ipc_setting_form(const struct ipc_setting *setting);
/** The field that shows it ("max_bytes"), or NULL. */
IPC_EXPORT const char *ipc_setting_field(const struct ipc_setting *setting);
/** Does @kind take @setting with @verb (IPC_VERB_CREATE or IPC_VERB_SET)? */
IPC_EXPORT bool ipc_kind_takes(const struct ipc_kind *kind, enum ipc_verb verb, const struct ipc_setting *setting);

/** Make an empty set of settings on @ctx (which it references). Errors: -ENOMEM. */
IPC_EXPORT int ipc_settings_new(struct ipc_ctx *ctx, struct ipc_settings **out);
/** Free it. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_settings *ipc_settings_free(struct ipc_settings *settings);
/**
 * Give the setting called @name the value that @text spells. "value" takes a list ("1,0,3"), "value[I]" one of them.
 * Errors: -ENOENT (no such setting), -EINVAL (not a value of it, or it was given before), both with text; -ENOMEM.
 */
IPC_EXPORT int ipc_settings_put(struct ipc_settings *settings, const char *name, const char *text);
/** Was @setting given? */
IPC_EXPORT bool ipc_settings_has(const struct ipc_settings *settings, const struct ipc_setting *setting);

/* ---- making ---------------------------------------------------------------------------------------- */

struct ipc_made; /* what ipc_create() made */

enum ipc_create_flags {
	IPC_CREATE_EXIST_OK = 1u << 0, /* one that is there already will do when all given settings match */
	IPC_CREATE_PARENTS = 1u << 1,  /* make missing directories on the way to a path, with the umask's mode */
	/* FIFOs: follow no symbolic link on the way but those of root and the caller. For a path that somebody else chose. */
	IPC_CREATE_OWN_LINKS = 1u << 2,
};

/**
 * Make an object of what @text names: "CLASS/KIND" or "CLASS" for one without a name, or a reference with the name, key,
 * path or address that it shall have. @literal as in ipc_query_add(). @settings may be NULL. The mode is exactly the one
 * given; without one it is 0666 less the umask.
 * Errors, with text: -EINVAL (@text, or a setting, its value beyond a limit), -ENOTSUP (nothing of this kind can be made:
 * the text says what to do instead), -EEXIST (also with IPC_CREATE_EXIST_OK when a setting differs), -EACCES, -EPERM, and
 * what the kernel says; for limits the text has the limit, its value, the use made of it, and the file that raises it.
 * Nothing half made is left behind.
 */
IPC_EXPORT int ipc_create(struct ipc_ctx *ctx, const char *text, bool literal, const struct ipc_settings *settings,
			  unsigned flags, struct ipc_made **out);
/** Its reference, as printed; borrowed. */
IPC_EXPORT const char *ipc_made_reference(const struct ipc_made *made);
/** True when it was there already (IPC_CREATE_EXIST_OK). */
IPC_EXPORT bool ipc_made_existed(const struct ipc_made *made);
/** The descriptor of a socket, which lives as long as this is open; -1 for objects without one. Stays @made's. */
IPC_EXPORT int ipc_made_fd(const struct ipc_made *made);
/**
 * Take the file of a socket away again, if it is still the one that was made. 0 also when it never had one. Errors, with
 * text: -ENOENT (gone already), -ESTALE (another file has the name; it was left alone), -EACCES, -EPERM.
 */
IPC_EXPORT int ipc_made_unlink(struct ipc_made *made);
/** Free it and close its descriptor; the object stays. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_made *ipc_made_free(struct ipc_made *made);

/* ---- changing -------------------------------------------------------------------------------------- */

/**
 * Give @object the @settings: all or none. Errors, with text: -EINVAL (a setting that this kind does not take, or a value
 * beyond a limit), -ENOTSUP (see ipc_kind_has()), -ESTALE (replaced), -ENOENT, -EACCES, -EPERM.
 */
IPC_EXPORT int ipc_object_change(struct ipc_ctx *ctx, const struct ipc_object *object,
				 const struct ipc_settings *settings);

/* ---- sending and receiving ------------------------------------------------------------------------- */

struct ipc_port; /* an object opened for sending or receiving */

/** A message; of a stream, some bytes of it. */
struct ipc_message {
	struct ipc_bytes data;
	int64_t number; /* System V: type, 1 and up; POSIX: priority, 0 and up; signal: its number; else 0 */
};

/** Which message to receive next. All zero: the first one. */
struct ipc_choice {
	int64_t type; /* System V, as in msgrcv(2): N > 0 of type N, N < 0 of the lowest type up to -N */
	bool except;  /* with N > 0: of any other type */
};

/**
 * Open @object for @verb: IPC_VERB_SEND or IPC_VERB_RECEIVE. A FIFO waits at most @timeout for its other end.
 * Errors, with text: -ENOTSUP (see ipc_kind_has()), -ETIMEDOUT, -ESTALE, -ENOENT, -EACCES, -EPERM, -ECONNREFUSED.
 */
IPC_EXPORT int ipc_port_open(struct ipc_ctx *ctx, const struct ipc_object *object, enum ipc_verb verb, int64_t timeout,
			     struct ipc_port **out);
/** True for FIFOs and stream sockets, which keep no message boundaries. */
IPC_EXPORT bool ipc_port_streams(const struct ipc_port *port);
/** The largest message that it takes in bytes; 0 when there is no limit. */
IPC_EXPORT size_t ipc_port_limit(const struct ipc_port *port);
/**
 * Send @message, wholly: of a stream with a timeout a part may have gone, *@sent (NULL is allowed) says how much.
 * Errors: -EAGAIN or -ETIMEDOUT (full), -EMSGSIZE, -EINVAL (number), -EPIPE, -EIDRM and so on, with text. SIGPIPE is not
 * raised for sockets; for FIFOs the caller ignores it.
 */
IPC_EXPORT int ipc_port_send(struct ipc_port *port, const struct ipc_message *message, int64_t timeout, size_t *sent);
/**
 * Receive one message into @out, whose data is the port's until its next call. A stream gives what is there, and at its
 * end data of length 0 with *@end set (NULL is allowed). @choice may be NULL.
 * Errors: -EAGAIN or -ETIMEDOUT (nothing came), -EINVAL (a choice that this kind does not offer), -EIDRM, with text.
 */
IPC_EXPORT int ipc_port_receive(struct ipc_port *port, const struct ipc_choice *choice, int64_t timeout,
				struct ipc_message *out, bool *end);
/** Close it. NULL is allowed. Always returns NULL. */
IPC_EXPORT struct ipc_port *ipc_port_close(struct ipc_port *port);

/** The number of the signal that @text means: "TERM", "SIGTERM", "15", "RTMIN+3". -EINVAL: there is none. */
IPC_EXPORT int ipc_signal_number(const char *text);
/** "TERM"; NULL when @number is no signal. */
IPC_EXPORT const char *ipc_signal_name(int number);

/* ---- semaphores ------------------------------------------------------------------------------------ */

/** How to wait for a semaphore. All zero: take one from semaphore 0. */
struct ipc_waiting {
	uint64_t index; /* of the semaphore in its set */
	bool zero;      /* wait until it is zero, and take nothing (System V) */
	bool keep; /* leave it mapped until this process ends or executes another program: others see it in use (POSIX) */
	bool undo; /* the kernel gives back what was taken when this process ends, also across execve(2) (System V) */
};

/**
 * Add @count to semaphore @index of @object. Errors, with text: -ENOTSUP, -EINVAL (no such index), -ERANGE (would grow
 * beyond the largest value; nothing was added), -ESTALE, -ENOENT, -EACCES.
 */
IPC_EXPORT int ipc_semaphore_post(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t index, uint64_t count);
/**
 * Take one from a semaphore of @object, waiting at most @timeout. Errors, with text: -EAGAIN or -ETIMEDOUT, -ENOTSUP (the
 * kind cannot; with `undo`: this semaphore cannot give back, which is so of POSIX ones and of those in other ipc
 * namespaces), -EINVAL, -EIDRM (removed while waiting), -ESTALE, -ENOENT, -EACCES.
 */
IPC_EXPORT int ipc_semaphore_wait(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_waiting *how,
				  int64_t timeout);

/* ---- removing -------------------------------------------------------------------------------------- */

enum ipc_force {
	IPC_FORCE_NONE,    /* only what is proven unused, or the caller's own where nobody else has access */
	IPC_FORCE_UNKNOWN, /* also where a user could not be excluded */
	IPC_FORCE_HELD,    /* also what is in use */
};

struct ipc_removal {
	enum ipc_force force;
	bool unblock; /* FIFO: release tasks that hang in open() first, rather than refuse; other doubts stay doubts */
	bool dry_run; /* say what would happen */
	/*
	 * Only with proof: what is the caller's own is no exception, and where the kernel can prove that an object is unused (a
	 * write lease) it has to, whatever the listing showed; also with dry_run.
	 */
	bool certain;
	/*
	 * Since it was collected this process itself has attached the segment (System V), to keep its contents: the traces of
	 * that are no use by somebody else.
	 */
	bool attached;
};

/** Collect what ipc_object_remove() with this force has to know. With IPC_FORCE_HELD no state is asked for. */
IPC_EXPORT void ipc_query_want_removal(struct ipc_query *query, enum ipc_force force);
/**
 * Remove @object, which was collected after ipc_query_want_removal(). What is held or may be held is refused as @how says.
 * A callback of ipc_query_run() may call it too, wherever the query stands: the removal goes to the object's own
 * namespace. Returns 0; then ipc_ctx_note() may have something to tell. Errors, with text: -EBUSY (refused: the text says
 * who holds it or what could not be read), -ESTALE (replaced: left alone, or put back), -ENOENT (gone already),
 * -ENOTSUP (see ipc_kind_has()), -ENOSYS (the kernel cannot), -EACCES, -EPERM.
 */
IPC_EXPORT int ipc_object_remove(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how);
/** What the last successful ipc_object_remove() has to add, as one unescaped line, or ""; borrowed until the next call. */
IPC_EXPORT const char *ipc_ctx_note(const struct ipc_ctx *ctx);

#ifdef __cplusplus
}
#endif
#endif
