// SPDX-License-Identifier: LGPL-2.1-or-later
/* The arena: blocks that grow at the top and are given up from the top. */
#include "model/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below malloc's usual threshold for mmap, so that a block given up and taken again costs no system call. */
#define BLOCK_SIZE (64 * 1024)

struct ipc_arena_block {
	struct ipc_arena_block *below;
	size_t room;
	size_t used;
	alignas(max_align_t) char data[];
};

static size_t round_up(size_t size)
{
	return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static struct ipc_arena_block *push_block(struct ipc_arena *arena, size_t size)
{
	size_t room = BLOCK_SIZE - sizeof(struct ipc_arena_block);
	struct ipc_arena_block *block;

	/* Both are multiples of the alignment, so what is left of a block always is one too. */
	if (size > room)
		room = size;
	block = malloc(sizeof(*block) + room);
	if (!block)
		return NULL;
	block->below = arena->top;
	block->room = room;
	block->used = 0;
	arena->top = block;
	return block;
}

static void pop_block(struct ipc_arena *arena)
{
	struct ipc_arena_block *block = arena->top;

	arena->top = block->below;
	free(block);
}

/* Memory with whatever was there before. */
static void *take(struct ipc_arena *arena, size_t size)
{
	struct ipc_arena_block *block = arena->top;
	void *at;

	if (size > SIZE_MAX / 2) {
		arena->failed = true;
		return NULL;
	}
	/* Distinct allocations get distinct addresses, so that an empty one is not taken for its neighbour. */
	size = round_up(size ? size : 1);
	if (!block || block->room - block->used < size)
		block = push_block(arena, size);
	if (!block) {
		arena->failed = true;
		return NULL;
	}
	at = block->data + block->used;
	block->used += size;
	return at;
}

void *ipc_arena_alloc(struct ipc_arena *arena, size_t size)
{
	void *at = take(arena, size);

	/* A rewind leaves old values behind, so zeroing belongs here and not to the block. */
	return at ? memset(at, 0, size) : NULL;
}

void *ipc_arena_copy(struct ipc_arena *arena, const void *from, size_t size)
{
	void *at = take(arena, size);

	return at ? memcpy(at, from, size) : NULL;
}

struct ipc_bytes ipc_arena_bytes(struct ipc_arena *arena, const char *data, size_t len)
{
	char *copy;

	if (!data)
		return (struct ipc_bytes){NULL, 0};
	copy = len < SIZE_MAX ? take(arena, len + 1) : NULL;
	if (!copy) {
		arena->failed = true;
		return (struct ipc_bytes){NULL, 0};
	}
	memcpy(copy, data, len);
	copy[len] = '\0';
	return (struct ipc_bytes){copy, len};
}

struct ipc_bytes ipc_arena_format(struct ipc_arena *arena, const char *format, ...)
{
	struct ipc_arena_block *block = arena->top;
	size_t room = block ? block->room - block->used : 0;
	va_list args;
	char *text;
	int len;

	/* Straight into the free end of the block, where most texts fit. */
	va_start(args, format);
	len = vsnprintf(room ? block->data + block->used : NULL, room, format, args);
	va_end(args);
	if (len >= 0 && (size_t)len < room) {
		text = block->data + block->used;
		block->used += round_up((size_t)len + 1);
		return (struct ipc_bytes){text, (size_t)len};
	}
	text = len >= 0 ? ipc_arena_alloc(arena, (size_t)len + 1) : NULL;
	if (!text) {
		arena->failed = true;
		return (struct ipc_bytes){NULL, 0};
	}
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return (struct ipc_bytes){text, (size_t)len};
}

struct ipc_arena_mark ipc_arena_mark(const struct ipc_arena *arena)
{
	return (struct ipc_arena_mark){arena->top, arena->top ? arena->top->used : 0};
}

/* The lowest block: who fills and empties the arena again and again shall not pay for it each time. */
static bool stays(const struct ipc_arena_block *block)
{
	return !block->below && block->room <= BLOCK_SIZE;
}

void ipc_arena_rewind(struct ipc_arena *arena, struct ipc_arena_mark mark)
{
	while (arena->top != mark.top && !stays(arena->top))
		pop_block(arena);
	if (arena->top)
		arena->top->used = arena->top == mark.top ? mark.used : 0;
}

void ipc_arena_release(struct ipc_arena *arena)
{
	while (arena->top)
		pop_block(arena);
	arena->failed = false;
}
