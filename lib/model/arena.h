/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that is freed all at once: objects of a run live in one arena. */
#ifndef IPC_MODEL_ARENA_H
#define IPC_MODEL_ARENA_H

#include <ipctool/ipctool.h>

struct ipc_arena_block;

/* Zero-initialised is empty. A failed allocation is remembered: callers may check `failed` once, at the end. */
struct ipc_arena {
	struct ipc_arena_block *top;
	bool failed;
};

/* A place to go back to; everything allocated after it is given up at once. */
struct ipc_arena_mark {
	struct ipc_arena_block *top;
	size_t used;
};

/* @size zeroed bytes, aligned for any type; NULL (and `failed`) without memory. */
void *ipc_arena_alloc(struct ipc_arena *arena, size_t size);
/* A copy of @size bytes at @from, aligned for any type; NULL (and `failed`) without memory. */
void *ipc_arena_copy(struct ipc_arena *arena, const void *from, size_t size);
/* A copy of @len bytes (terminated behind them); data NULL when @data is NULL or without memory. */
struct ipc_bytes ipc_arena_bytes(struct ipc_arena *arena, const char *data, size_t len);
/* Formatted text; data NULL without memory. */
struct ipc_bytes ipc_arena_format(struct ipc_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct ipc_arena_mark ipc_arena_mark(const struct ipc_arena *arena);
void ipc_arena_rewind(struct ipc_arena *arena, struct ipc_arena_mark mark);
void ipc_arena_release(struct ipc_arena *arena);

#endif
