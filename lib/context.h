/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The context: settings, the root that everything is read below, the text of the last error. */
#ifndef IPC_CONTEXT_H
#define IPC_CONTEXT_H

#include <ipctool/ipctool.h>

struct ipc_learnt_list;
struct ipc_ns_call;
struct ipc_peek_loaded;

struct ipc_ctx {
	unsigned refs;
	enum ipc_holder_source holder_source;
	bool captured; /* a captured tree: no system calls about live objects, no netlink, no namespaces */
	uint64_t euid; /* effective user when it was made: asked for once, not for each of thousands of objects */
	char *root;    /* "" for / */
	int root_fd;   /* O_PATH on the root directory */
	int proc_fd;   /* O_PATH|O_DIRECTORY on ROOT/proc: stays valid after a thread entered another mount namespace */
	int8_t initial_pidns;          /* ipc_proc_initial_pidns(): 1 yes, -1 no, 0 not looked yet */
	struct ipc_ns_call *away;      /* set while ipc_ns_call() has code run in another namespace */
	struct ipc_learnt_list *learnt; /* what files of evidence said (evidence.h), NULL: none was read */
	struct ipc_peek_loaded *peeks; /* BPF programs that are loaded (peek/peek_bpf.h), NULL: none yet */
	char error[512];
	char note[512]; /* what a call that succeeded has to add */
};

/* Set the error text (unescaped names are escaped by the caller with ipc_escape) and return @error, a negative errno. */
int ipc_ctx_fail(struct ipc_ctx *ctx, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* It does not look into other files, and must know that what failed has failed. */
#define ipc_ctx_fail(ctx, error, ...)                    \
	({                                               \
		int failed_ = (error);                   \
		(ipc_ctx_fail)(ctx, error, __VA_ARGS__); \
		failed_ < 0 ? failed_ : -1;              \
	})
#endif
/*
 * Is a file with @st only for root and the caller to write? @what for the text: "the rules". Returns 0 or -EPERM with text. What it
 * says is done with the rights of the caller, so nobody else may have had a hand in it.
 */
struct stat;
int ipc_ctx_trust(struct ipc_ctx *ctx, const struct stat *st, const char *what);
/* What the call at hand, which will succeed, has to tell the user. */
void ipc_ctx_set_note(struct ipc_ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
