/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading shared memory through the address space of who maps it, no page that is not there already. */
#include "classes/shm_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "classes/shm_reach.h"
#include "classes/shm_read.h"
#include "sources/procfs.h"

#define WINDOW 4096                 /* pages that are looked at together */
#define BUFFER ((size_t)256 << 10)  /* bytes read at once */
#define PROCESSES 64                /* that are asked, of those who map the object */
#define PRESENT ((uint64_t)1 << 63) /* a bit of /proc/PID/pagemap */

struct process {
	int64_t pid;
	int memory, pagemap;
};

struct memory {
	struct ipc_dumping *dumping;
	uint64_t size, page;
	uint64_t start, end; /* of the wanted part */
	struct ipc_shm_maps maps;
	struct process processes[PROCESSES];
	size_t count;
	const char *own; /* attached by this process; NULL: others are read */
	bool all;        /* take every page for present */
	char *buffer;
	uint64_t *entries;
	uint16_t *by; /* for each page of the window: 1 + the map through which it is read, 0: not there */
};

/* ---- who is read ------------------------------------------------------------------------------------------------- */

static void leave(struct memory *memory)
{
	while (memory->count) {
		struct process *process = &memory->processes[--memory->count];

		close(process->memory);
		if (process->pagemap >= 0)
			close(process->pagemap);
	}
	ipc_shm_maps_release(&memory->maps);
	free(memory->buffer);
	free(memory->entries);
	free(memory->by);
}

static int allocate(struct memory *memory)
{
	memory->page = (uint64_t)sysconf(_SC_PAGESIZE);
	memory->buffer = malloc(BUFFER);
	memory->entries = malloc(WINDOW * sizeof(*memory->entries));
	memory->by = malloc(WINDOW * sizeof(*memory->by));
	return memory->buffer && memory->entries && memory->by
		       ? 0
		       : ipc_ctx_fail(memory->dumping->ctx, -ENOMEM, "out of memory");
}

/* Both files stay those of this process's memory, whatever becomes of its number. */
static int add_process(struct memory *memory, int64_t pid)
{
	struct ipc_ctx *ctx = memory->dumping->ctx;
	struct process process = {.pid = pid};

	process.pagemap = ipc_proc_open(ctx, 0, "%" PRId64 "/pagemap", pid);
	if (process.pagemap < 0)
		return process.pagemap;
	process.memory = ipc_proc_open(ctx, 0, "%" PRId64 "/mem", pid);
	if (process.memory < 0) {
		close(process.pagemap);
		return process.memory;
	}
	memory->processes[memory->count++] = process;
	return ipc_shm_maps_add(ctx, memory->dumping->object, pid, &memory->maps);
}

static int add_processes(struct memory *memory, struct ipc_list holders)
{
	size_t at = 0;
	int64_t pid;

	while (memory->count < PROCESSES && memory->maps.count < UINT16_MAX &&
	       (pid = ipc_shm_next_mapper(holders, &at)))
		if (add_process(memory, pid) == -ENOMEM)
			return ipc_ctx_fail(memory->dumping->ctx, -ENOMEM, "out of memory");
	return memory->count ? 0 : -EACCES;
}

static const struct process *process_of(const struct memory *memory, const struct ipc_shm_map *map)
{
	size_t i = 0;

	while (memory->processes[i].pid != map->pid)
		i++;
	return &memory->processes[i];
}

/* Where the object does not say how large it is, it is known to reach as far as somebody has it mapped. */
static void measure(struct memory *memory)
{
	size_t i;

	if (memory->size == IPC_UNKNOWN) {
		memory->size = 0;
		for (i = 0; i < memory->maps.count; i++) {
			const struct ipc_shm_map *map = &memory->maps.items[i];
			uint64_t end = map->offset + (map->end - map->start);

			if (end > memory->size)
				memory->size = end;
		}
	}
	ipc_shm_range(memory->dumping, memory->size, &memory->start, &memory->end);
}

/* ---- which pages are there --------------------------------------------------------------------------------------- */

/* What map @index has of the window of @count pages at @offset. */
static void look_at_map(struct memory *memory, size_t index, uint64_t offset, size_t count)
{
	const struct ipc_shm_map *map = &memory->maps.items[index];
	uint64_t end = map->offset + (map->end - map->start), window = offset + count * memory->page;
	uint64_t from = map->offset > offset ? map->offset : offset, until = end < window ? end : window;
	size_t first, i;
	ssize_t n;

	if (!map->same || from >= until || index >= UINT16_MAX)
		return;
	n = pread(process_of(memory, map)->pagemap, memory->entries, (until - from) / memory->page * sizeof(uint64_t),
		  (off_t)((map->start + (from - map->offset)) / memory->page * sizeof(uint64_t)));
	first = (size_t)((from - offset) / memory->page);
	for (i = 0; n > 0 && i < (size_t)n / sizeof(uint64_t); i++)
		if (memory->entries[i] & PRESENT && !memory->by[first + i])
			memory->by[first + i] = (uint16_t)(index + 1);
}

/* The kernel tells it of memory that the caller may write, which the inode of a segment allows everybody. */
static void look_at_own(struct memory *memory, uint64_t offset, size_t count)
{
	unsigned char *resident = (unsigned char *)memory->entries;
	size_t i;

	if (memory->all || mincore((void *)(uintptr_t)(memory->own + offset), count * memory->page, resident) < 0)
		memset(resident, 1, count);
	for (i = 0; i < count; i++)
		memory->by[i] = resident[i] & 1;
}

/* Fill `by` for the window at @offset. Returns how many pages it has. */
static size_t look(struct memory *memory, uint64_t offset)
{
	uint64_t left = (memory->size - offset + memory->page - 1) / memory->page;
	size_t count = left < WINDOW ? (size_t)left : WINDOW, i;

	memset(memory->by, 0, count * sizeof(*memory->by));
	if (memory->own)
		look_at_own(memory, offset, count);
	else
		for (i = 0; i < memory->maps.count; i++)
			look_at_map(memory, i, offset, count);
	return count;
}

/* Where somebody has it mapped, at or behind @offset; the end: nowhere. Mappings may lie exabytes apart. */
static uint64_t next_mapped(const struct memory *memory, uint64_t offset)
{
	uint64_t next = memory->size;
	size_t i;

	if (memory->own)
		return offset;
	for (i = 0; i < memory->maps.count && next > offset; i++) {
		const struct ipc_shm_map *map = &memory->maps.items[i];

		if (map->same && map->offset < next && map->offset + (map->end - map->start) > offset)
			next = map->offset > offset ? map->offset : offset;
	}
	return next;
}

/* How much of @from to @until is wanted, in pages. */
static uint64_t count_wanted(const struct memory *memory, uint64_t from, uint64_t until)
{
	uint64_t start = memory->start / memory->page * memory->page;

	from = from > start ? from : start;
	until = until < memory->end ? until : memory->end;
	return from < until ? (until - from + memory->page - 1) / memory->page : 0;
}

/* Bytes of pages that are there, of the whole object; *@missing: pages of the wanted part that are not. */
static uint64_t count_present(struct memory *memory, uint64_t *missing)
{
	uint64_t offset, present = 0;
	size_t count, i;

	*missing = 0;
	for (offset = 0; offset < memory->size; offset += count * memory->page) {
		uint64_t mapped = next_mapped(memory, offset);

		*missing += count_wanted(memory, offset, mapped);
		offset = mapped;
		count = offset < memory->size ? look(memory, offset) : 0;
		for (i = 0; i < count; i++) {
			uint64_t at = offset + i * memory->page;

			if (memory->by[i])
				present += memory->page;
			else
				*missing += count_wanted(memory, at, at + memory->page);
		}
	}
	return present;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int fail_read(struct memory *memory, uint64_t at, ssize_t n)
{
	if (n < 0)
		return ipc_ctx_fail(memory->dumping->ctx, -errno, "it cannot be read at offset %" PRIu64 ": %s", at,
				    strerror(errno));
	return ipc_ctx_fail(memory->dumping->ctx, -ESRCH,
			    "the process through which it was read ended: %" PRIu64 " of %" PRIu64 " bytes",
			    at > memory->start ? at - memory->start : 0, memory->end - memory->start);
}

/* From @at to @until, which one map shows: map @by - 1, or the own one. */
static int give_data(struct memory *memory, uint64_t at, uint64_t until, size_t by)
{
	const struct ipc_shm_map *map = memory->own ? NULL : &memory->maps.items[by - 1];
	uint64_t address = map ? map->start - map->offset : (uint64_t)(uintptr_t)memory->own;
	int fd = map ? process_of(memory, map)->memory : memory->processes[0].memory, r = 0;

	while (r == 0 && at < until) {
		size_t len = until - at < BUFFER ? (size_t)(until - at) : BUFFER;
		ssize_t n = pread(fd, memory->buffer, len, (off_t)(address + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_read(memory, at, n);
		r = ipc_dumping_bytes(memory->dumping, at, (struct ipc_bytes){memory->buffer, (size_t)n});
		at += (uint64_t)n;
	}
	return r;
}

/* The wanted part of the window of @count pages at @offset. */
static int give_window(struct memory *memory, uint64_t offset, size_t count)
{
	size_t first = 0, next;
	int r = 0;

	for (; r == 0 && first < count; first = next) {
		uint64_t at = offset + first * memory->page, until;

		for (next = first + 1; next < count && memory->by[next] == memory->by[first]; next++)
			;
		until = offset + next * memory->page;
		at = at > memory->start ? at : memory->start;
		until = until < memory->end ? until : memory->end;
		if (at < until)
			r = memory->by[first] ? give_data(memory, at, until, memory->by[first])
					      : ipc_dumping_zeros(memory->dumping, at, until - at);
	}
	return r;
}

static int give_unmapped(struct memory *memory, uint64_t from, uint64_t until)
{
	from = from > memory->start ? from : memory->start;
	until = until < memory->end ? until : memory->end;
	return ipc_dumping_zeros(memory->dumping, from, until - from);
}

static int give(struct memory *memory)
{
	uint64_t offset = memory->start / memory->page * memory->page, next;
	int r = 0;

	for (; r == 0 && offset < memory->end; offset = next) {
		next = next_mapped(memory, offset);
		if (next > offset) {
			r = give_unmapped(memory, offset, next);
		} else {
			size_t count = look(memory, offset);

			r = give_window(memory, offset, count);
			next = offset + count * memory->page;
		}
	}
	return r;
}

static void note_unknown_size(struct ipc_dumping *dumping)
{
	dumping->result->unreached = UINT64_MAX;
	ipc_ctx_set_note(dumping->ctx, "what is mapped was read, its size cannot be told without "
				       "CAP_CHECKPOINT_RESTORE (root)");
}

int ipc_shm_dump_memory(struct ipc_dumping *dumping, struct ipc_list holders, uint64_t size, uint64_t resident,
			uint64_t *missing)
{
	struct memory memory = {.dumping = dumping, .size = size};
	uint64_t before, after, unused;
	int r = allocate(&memory);

	if (r == 0)
		r = add_processes(&memory, holders);
	if (r == 0) {
		measure(&memory);
		before = count_present(&memory, missing);
		if (*missing && before != resident)
			r = -ENODATA;
	}
	if (r == 0) {
		dumping->result->source = "memory";
		if (size == IPC_UNKNOWN)
			note_unknown_size(dumping);
		r = give(&memory);
		/* Pages that came meanwhile may have been given as zeros. */
		after = *missing ? count_present(&memory, &unused) : before;
		if (r == 0 || r == IPC_DUMP_ENOUGH)
			dumping->result->torn = after != before;
	}
	leave(&memory);
	return r;
}

int ipc_shm_dump_attached(struct ipc_dumping *dumping, const void *attached, uint64_t size, uint64_t resident)
{
	struct memory memory = {.dumping = dumping, .size = size, .own = attached};
	uint64_t present, missing;
	int r = allocate(&memory);

	if (r == 0) {
		memory.processes[0] = (struct process){.pagemap = -1};
		memory.processes[0].memory = ipc_proc_open(dumping->ctx, 0, "self/mem");
		if (memory.processes[0].memory < 0)
			r = ipc_ctx_fail(dumping->ctx, memory.processes[0].memory,
					 "/proc/self/mem cannot be opened: %s", strerror(-memory.processes[0].memory));
		else
			memory.count = 1;
	}
	if (r == 0) {
		measure(&memory);
		present = count_present(&memory, &missing);
		memory.all = missing && present != resident;
		r = give(&memory);
	}
	if ((r == 0 || r == IPC_DUMP_ENOUGH) && memory.all)
		ipc_ctx_set_note(dumping->ctx,
				 "%" PRIu64 " pages were not in memory and may have been filled by reading them",
				 missing);
	leave(&memory);
	return r;
}
