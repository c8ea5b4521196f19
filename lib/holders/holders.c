/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The holder index itself: compact arrays, one hash table over the objects, and the choice of the source. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holders/holders_index.h"

/* ---- filling ------------------------------------------------------------------------------------------------- */

static int grow(void **items, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room * 2 : 256;
	void *grown;

	if (*room > UINT32_MAX / 2 - 1)
		return -EOVERFLOW;
	grown = reallocarray(*items, more, size);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*room = more;
	return 0;
}

/* The slots hold enough of the hash to place themselves in a table of up to 2^32 slots again. */
static int grow_slots(struct ipc_holders *holders)
{
	uint32_t count = holders->slot_count ? holders->slot_count * 2 : 1024, mask = count - 1, i, at;
	struct ipc_holders_slot *slots;

	if (holders->slot_count > UINT32_MAX / 2)
		return -EOVERFLOW;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (i = 0; i < holders->slot_count; i++) {
		if (!holders->slots[i].held)
			continue;
		for (at = holders->slots[i].tag & mask; slots[at].held; at = (at + 1) & mask)
			;
		slots[at] = holders->slots[i];
	}
	free(holders->slots);
	holders->slots = slots;
	holders->slot_count = count;
	return 0;
}

/* The slot of @key, or the free one where it belongs. */
static struct ipc_holders_slot *find_slot(const struct ipc_holders *holders, struct ipc_key key, uint32_t tag)
{
	uint32_t mask = holders->slot_count - 1, at = tag & mask;
	struct ipc_holders_slot *slot;

	for (;; at = (at + 1) & mask) {
		slot = &holders->slots[at];
		if (!slot->held || (slot->tag == tag && ipc_key_equal(holders->helds[slot->held - 1].key, key)))
			return slot;
	}
}

static int find_or_add(struct ipc_holders *holders, struct ipc_key key, struct ipc_held **out)
{
	uint32_t tag = ipc_key_hash(key) >> 32;
	struct ipc_holders_slot *slot;
	struct ipc_held *held;
	int r;

	if (holders->held_count >= holders->slot_count - holders->slot_count / 4) {
		r = grow_slots(holders);
		if (r < 0)
			return r;
	}
	slot = find_slot(holders, key, tag);
	if (slot->held) {
		*out = &holders->helds[slot->held - 1];
		return 0;
	}
	if (holders->held_count == holders->held_room) {
		r = grow((void **)&holders->helds, &holders->held_room, sizeof(*holders->helds));
		if (r < 0)
			return r;
	}
	held = &holders->helds[holders->held_count++];
	*held = (struct ipc_held){.key = key, .mode = IPC_UNKNOWN};
	*slot = (struct ipc_holders_slot){.tag = tag, .held = holders->held_count};
	*out = held;
	return 0;
}

/* By pid, then fd (mappings first), then address. */
static int compare_holds(const struct ipc_hold *a, const struct ipc_hold *b)
{
	if (a->process->pid != b->process->pid)
		return a->process->pid < b->process->pid ? -1 : 1;
	if (a->fd != b->fd)
		return a->fd < b->fd ? -1 : 1;
	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return 0;
}

int ipc_holders_add(struct ipc_holders *holders, const struct ipc_holders_seen *seen)
{
	struct ipc_held *held;
	struct ipc_hold *hold;
	int order = 1, r;

	r = find_or_add(holders, seen->key, &held);
	if (r < 0)
		return r;
	if (seen->mode != IPC_UNKNOWN)
		held->mode = seen->mode;
	held->shared |= seen->shared;
	if (!held->path.data && seen->path.data) {
		held->path = ipc_arena_bytes(&holders->paths, seen->path.data, seen->path.len);
		if (!held->path.data)
			return -ENOMEM;
	}
	if (holders->hold_count == holders->hold_room) {
		r = grow((void **)&holders->holds, &holders->hold_room, sizeof(*holders->holds));
		if (r < 0)
			return r;
	}
	hold = &holders->holds[holders->hold_count];
	*hold = (struct ipc_hold){
		.process = seen->process,
		.addr = seen->addr,
		.fd = seen->fd,
		.access = seen->access,
		.attach = seen->attach,
		.shared = seen->shared,
	};
	if (seen->fd >= 0)
		hold->flags = seen->flags;
	else
		hold->pages = (seen->end - seen->addr) / holders->page_size;
	if (held->last)
		order = compare_holds(hold, &holders->holds[held->last - 1]);
	if (order == 0)
		return 0;
	held->unsorted |= order < 0;
	held->count++;
	holders->hold_count++;
	if (held->last)
		holders->holds[held->last - 1].next = holders->hold_count;
	else
		held->first = holders->hold_count;
	held->last = holders->hold_count;
	return 0;
}

void ipc_holders_hide(struct ipc_holders *holders, int error)
{
	holders->hidden++;
	if (!holders->hidden_error)
		holders->hidden_error = error;
}

bool ipc_holders_wants_mode(uint64_t mode)
{
	return S_ISREG(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

/* ---- finishing ----------------------------------------------------------------------------------------------- */

static int compare_hold_pointers(const void *a, const void *b)
{
	return compare_holds(*(struct ipc_hold *const *)a, *(struct ipc_hold *const *)b);
}

/* Bring the chain of @held into order; what was seen twice (by threads that share a table of fds) goes. */
static void rechain(struct ipc_holders *holders, struct ipc_held *held, struct ipc_hold **chain)
{
	uint32_t count = 0, kept = 0, at, i;

	for (at = held->first; at; at = chain[count - 1]->next)
		chain[count++] = &holders->holds[at - 1];
	qsort(chain, count, sizeof(*chain), compare_hold_pointers);
	for (i = 1; i < count; i++)
		if (compare_holds(chain[kept], chain[i]) != 0)
			chain[++kept] = chain[i];
	for (i = 0; i < kept; i++)
		chain[i]->next = chain[i + 1] - holders->holds + 1;
	chain[kept]->next = 0;
	held->first = chain[0] - holders->holds + 1;
	held->last = chain[kept] - holders->holds + 1;
	held->count = kept + 1;
	held->unsorted = false;
}

static int sort_holds(struct ipc_holders *holders)
{
	struct ipc_hold **chain;
	uint32_t longest = 0, i;

	for (i = 0; i < holders->held_count; i++)
		if (holders->helds[i].unsorted && holders->helds[i].count > longest)
			longest = holders->helds[i].count;
	if (longest == 0)
		return 0;
	chain = reallocarray(NULL, longest, sizeof(struct ipc_hold *));
	if (!chain)
		return -ENOMEM;
	for (i = 0; i < holders->held_count; i++)
		if (holders->helds[i].unsorted)
			rechain(holders, &holders->helds[i], chain);
	free(chain);
	return 0;
}

static void clear(struct ipc_holders *holders)
{
	ipc_arena_release(&holders->paths);
	free(holders->helds);
	free(holders->holds);
	free(holders->slots);
	*holders = (struct ipc_holders){.processes = holders->processes, .page_size = holders->page_size};
}

/* ---- choosing ------------------------------------------------------------------------------------------------ */

/*
 * Which source will be quicker? Loading a BPF program costs what reading some thousand fds through /proc does. The
 * kernel's count of open files is a lower bound of the fds; each process costs a fixed amount on top.
 */
static bool bpf_is_cheaper(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_processes *processes)
{
	const uint64_t load = 20000, per_file = 3, per_process = 20, per_maps = 40; /* microseconds */
	uint64_t files = 0;
	struct ipc_buf text = {0};

	if (want->only)
		return false;
	if (ipc_proc_read(ctx, &text, "sys/fs/file-nr") == 0 && text.len)
		files = strtoull(text.data, NULL, 10);
	ipc_buf_release(&text);
	return files * per_file + ipc_processes_count(processes) * (per_process + (want->maps ? per_maps : 0)) > load;
}

/* An index filled from one source; @out is untouched on failure. */
static int read_from(struct ipc_ctx *ctx, bool bpf, const struct ipc_holders_want *want,
		     struct ipc_processes *processes, struct ipc_holders **out)
{
	struct ipc_holders *holders = calloc(1, sizeof(*holders));
	int r;

	if (!holders)
		return -ENOMEM;
	holders->processes = processes;
	holders->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	holders->source = bpf ? "bpf" : "proc";
	r = grow_slots(holders);
	if (r == 0)
		r = bpf ? ipc_holders_read_bpf(ctx, want, holders) : ipc_holders_read_proc(ctx, want, holders);
	if (r == 0)
		r = sort_holds(holders);
	if (r < 0) {
		ipc_holders_free(holders);
		return r;
	}
	*out = holders;
	return 0;
}

/*
 * The cheaper source first. What /proc hides even from root (a security module, a process with more capabilities) BPF
 * may see: worth its cost, since an answer with gaps proves nothing.
 */
static int read_either(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_processes *processes,
		       struct ipc_holders **out)
{
	bool bpf = ipc_holders_bpf_built() && !ctx->captured;
	struct ipc_holders *better = NULL;
	int r;

	if (bpf && bpf_is_cheaper(ctx, want, processes)) {
		r = read_from(ctx, true, want, processes, out);
		if (r == 0 || r == -ENOMEM)
			return r;
		bpf = false;
	}
	r = read_from(ctx, false, want, processes, out);
	if (r == 0 && bpf && (*out)->hidden && geteuid() == 0 && read_from(ctx, true, want, processes, &better) == 0) {
		ipc_holders_free(*out);
		*out = better;
	}
	return r;
}

int ipc_holders_new(struct ipc_ctx *ctx, enum ipc_holder_source source, const struct ipc_holders_want *want,
		    struct ipc_processes *processes, struct ipc_holders **out)
{
	if (source == IPC_HOLDERS_AUTO)
		return read_either(ctx, want, processes, out);
	return read_from(ctx, source == IPC_HOLDERS_BPF, want, processes, out);
}

void ipc_holders_free(struct ipc_holders *holders)
{
	if (!holders)
		return;
	clear(holders);
	free(holders);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

const char *ipc_holders_source(const struct ipc_holders *holders)
{
	return holders->source;
}

size_t ipc_holders_hidden(const struct ipc_holders *holders, int *why_error)
{
	if (why_error)
		*why_error = holders->hidden_error;
	return holders->hidden;
}

const struct ipc_held *ipc_holders_next(const struct ipc_holders *holders, enum ipc_space space, size_t *at)
{
	const struct ipc_held *held;

	while (*at < holders->held_count) {
		held = &holders->helds[(*at)++];
		if (space == IPC_SPACE_NONE || held->key.space == space)
			return held;
	}
	return NULL;
}

const struct ipc_held *ipc_holders_find(const struct ipc_holders *holders, struct ipc_key key)
{
	const struct ipc_holders_slot *slot = find_slot(holders, key, ipc_key_hash(key) >> 32);

	return slot->held ? &holders->helds[slot->held - 1] : NULL;
}

const struct ipc_hold *ipc_holders_hold(const struct ipc_holders *holders, const struct ipc_held *held,
					const struct ipc_hold *prev)
{
	uint32_t at = prev ? prev->next : held->first;

	return at ? &holders->holds[at - 1] : NULL;
}

struct ipc_list ipc_holders_list(const struct ipc_holders *holders, struct ipc_key key, struct ipc_arena *arena)
{
	static const struct ipc_bytes access_names[] = {IPC_BYTES(""), IPC_BYTES("r"), IPC_BYTES("w"), IPC_BYTES("rw")};
	const struct ipc_held *held = ipc_holders_find(holders, key);
	const struct ipc_hold *hold = NULL;
	struct ipc_holder *list, *holder;

	if (!held)
		return IPC_EMPTY_LIST;
	list = ipc_arena_alloc(arena, held->count * sizeof(*list));
	if (!list)
		return (struct ipc_list){NULL, 0};
	for (holder = list; (hold = ipc_holders_hold(holders, held, hold)); holder++) {
		ipc_processes_load(holders->processes, hold->process);
		ipc_record_init(&ipc_holder_record, holder);
		holder->pid = hold->process->pid;
		holder->comm = hold->process->comm;
		holder->uid = hold->process->uid;
		holder->access = access_names[hold->access & 3];
		if (hold->fd >= 0) {
			holder->fd = hold->fd;
			holder->how = IPC_BYTES("fd");
		} else {
			holder->addr = hold->addr;
			holder->how = hold->attach ? IPC_BYTES("attach") : IPC_BYTES("map");
		}
	}
	return (struct ipc_list){list, held->count};
}
