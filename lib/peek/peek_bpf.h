/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all peeks do alike: an iterator program (iter/task, iter/task_file) visits tasks, and writes records into a ring
 * buffer, of which each is then handed to a function.
 */
#ifndef IPC_PEEK_PEEK_BPF_H
#define IPC_PEEK_PEEK_BPF_H

#include "peek/peek.h"
#include "sources/libbpf.h"

/* Anything but 0 ends the reading and is returned. */
typedef int (*ipc_peek_record_fn)(const void *record, size_t size, void *data);

struct ipc_peek {
	struct ipc_ctx *ctx;
	libbpf_print_fn_t print; /* private */
};

/* Is there BPF for this caller? Silences libbpf until ipc_peek_end(). 0 or -ENOTSUP with text. */
int ipc_peek_begin(struct ipc_peek *peek, struct ipc_ctx *ctx);
void ipc_peek_end(struct ipc_peek *peek);
/* The programs that a context keeps, loaded. */
enum ipc_peek_which {
	IPC_PEEK_FIFO,
	IPC_PEEK_MQ_POSIX,
	IPC_PEEK_MQ_SYSV,
	IPC_PEEK_SEM,
	IPC_PEEK_SIGNALS,
	IPC_PEEK_SOCK,
	IPC_PEEKS
};

struct ipc_peek_program {
	enum ipc_peek_which which;
	/* Open and load it with a ring of @ring bytes into *@out. Returns 0 or what libbpf said. */
	int (*load)(uint32_t ring, void **out);
	void (*destroy)(void *skeleton);
};

/* Defines `program`, which loads the skeleton NAME_bpf as it is, but for the size of its map `ring`. */
#define IPC_PEEK_PROGRAM(name, number)                               \
	static void destroy(void *skeleton)                          \
	{                                                            \
		name##_bpf__destroy(skeleton);                       \
	}                                                            \
                                                                     \
	static int load(uint32_t ring, void **out)                   \
	{                                                            \
		struct name##_bpf *skeleton = name##_bpf__open();    \
		int r;                                               \
                                                                     \
		if (!skeleton)                                       \
			return -errno;                               \
		bpf_map__set_max_entries(skeleton->maps.ring, ring); \
		r = name##_bpf__load(skeleton);                      \
		if (r)                                               \
			destroy(skeleton);                           \
		else                                                 \
			*out = skeleton;                             \
		return r;                                            \
	}                                                            \
                                                                     \
	static const struct ipc_peek_program program = {number, load, destroy}

/*
 * The skeleton of @program with a ring of at least @ring bytes, loaded at its first use: that takes 20 ms, most of them for
 * the kernel's types, and many objects may follow. Its variables are as the last use left them. Stays the context's.
 */
int ipc_peek_program(struct ipc_peek *peek, const struct ipc_peek_program *program, uint32_t ring, void **out);
/* After a failure: what is in its ring is not for the next one. */
void ipc_peek_forget(struct ipc_peek *peek, const struct ipc_peek_program *program);
/* Text for what libbpf returned when it opened or loaded a program, and the error that peek.h promises. */
int ipc_peek_fail(struct ipc_peek *peek, int error);
/*
 * Let @program visit the tasks of process @pid alone (0: of all; where the kernel cannot choose, before 6.1, it visits all,
 * and the program compares pids), then give each record of @ring to @fn. Returns 0, what @fn returned, or -errno with text.
 */
int ipc_peek_run(struct ipc_peek *peek, const struct bpf_program *program, int64_t pid, const struct bpf_map *ring,
		 ipc_peek_record_fn fn, void *data);
/* The two halves of it: for who looks at what the program said before the records are worth anything; @fn NULL drops them. */
int ipc_peek_visit(struct ipc_peek *peek, const struct bpf_program *program, int64_t pid);
int ipc_peek_take(struct ipc_peek *peek, const struct bpf_map *ring, ipc_peek_record_fn fn, void *data);

#endif
