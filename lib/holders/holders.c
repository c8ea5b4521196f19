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

/*
 * Sixteen neighbours in number lie in one row, which is a line of the processor's cache: a process has its pipes and
 * sockets from calls one after the other, and the two ends of a pair are looked up together.
 */
static uint32_t *place_of(const struct ipc_holders *holders, struct ipc_key key)
{
	const uint64_t row = 16, column = key.inode % row;

	key.inode /= row;
	return &holders->table[((ipc_key_hash(key) >> 32) * row + column) & (holders->table_size - 1)];
}

static void enter(struct ipc_holders *holders, uint32_t number)
{
	struct ipc_held *held = &holders->helds[number - 1];
	uint32_t *place = place_of(holders, ipc_held_key(held));

	held->next = *place;
	*place = number;
}

static int grow_table(struct ipc_holders *holders)
{
	uint32_t size = holders->table_size ? holders->table_size * 2 : 1024, i;
	uint32_t *table;

	if (holders->table_size > UINT32_MAX / 2)
		return -EOVERFLOW;
	table = aligned_alloc(64, size * sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table, 0, size * sizeof(*table));
	free(holders->table);
	holders->table = table;
	holders->table_size = size;
	for (i = 1; i <= holders->held_count; i++)
		enter(holders, i);
	return 0;
}

static struct ipc_held *find(const struct ipc_holders *holders, struct ipc_key key)
{
	uint32_t at = *place_of(holders, key);
	struct ipc_held *held;

	for (; at; at = held->next) {
		held = &holders->helds[at - 1];
		if (ipc_key_equal(ipc_held_key(held), key))
			return held;
	}
	return NULL;
}

static int find_or_add(struct ipc_holders *holders, struct ipc_key key, struct ipc_held **out)
{
	struct ipc_held *held = find(holders, key);
	int r = 0;

	if (held) {
		*out = held;
		return 0;
	}
	if (holders->held_count == holders->table_size)
		r = grow_table(holders);
	if (r == 0 && holders->held_count == holders->held_room)
		r = grow((void **)&holders->helds, &holders->held_room, sizeof(*holders->helds));
	if (r < 0)
		return r;
	held = &holders->helds[holders->held_count++];
	*held = (struct ipc_held){.key = {key.inode, (uint32_t)key.device, (uint32_t)key.space}};
	enter(holders, holders->held_count);
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

bool ipc_holders_wants_key(const struct ipc_holders *holders, struct ipc_key key)
{
	return !holders->by_key || key.space == IPC_SPACE_NS || ipc_keyset_has(&holders->keys, key);
}

int ipc_holders_add(struct ipc_holders *holders, const struct ipc_holders_seen *seen)
{
	struct ipc_held *held;
	struct ipc_hold *hold;
	int order = 1, r;

	if (!ipc_holders_wants_key(holders, seen->key))
		return 0;
	r = find_or_add(holders, seen->key, &held);
	if (r < 0)
		return r;
	if (seen->mode)
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
		.pages = seen->fd < 0 ? (seen->end - seen->addr) / holders->page_size : 0,
		.next = held->first,
		.access = seen->access,
		.attach = seen->attach,
		.shared = seen->shared,
	};
	if (held->first)
		order = compare_holds(hold, &holders->holds[held->first - 1]);
	if (order == 0)
		return 0;
	held->unsorted |= order < 0;
	held->count++;
	held->first = ++holders->hold_count;
	return 0;
}

void ipc_holders_hide(struct ipc_holders *holders, int error)
{
	holders->hidden++;
	/* A fault tells more than what an ordinary user is used to. */
	if (!holders->hidden_error || (error != EACCES && error != EPERM))
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
	held->count = kept + 1;
	held->unsorted = false;
}

/* The latest comes first while filling. */
static void reverse(struct ipc_holders *holders, struct ipc_held *held)
{
	uint32_t at = held->first, next, before = 0;

	for (; at; at = next) {
		next = holders->holds[at - 1].next;
		holders->holds[at - 1].next = before;
		before = at;
	}
	held->first = before;
}

int ipc_holders_finish(struct ipc_holders *holders)
{
	struct ipc_hold **chain;
	uint32_t longest = 0, i;

	for (i = 0; i < holders->held_count; i++)
		if (holders->helds[i].unsorted && holders->helds[i].count > longest)
			longest = holders->helds[i].count;
	chain = reallocarray(NULL, longest + 1, sizeof(struct ipc_hold *));
	if (!chain)
		return -ENOMEM;
	for (i = 0; i < holders->held_count; i++) {
		if (holders->helds[i].unsorted)
			rechain(holders, &holders->helds[i], chain);
		else if (holders->helds[i].count > 1)
			reverse(holders, &holders->helds[i]);
	}
	free(chain);
	return 0;
}

static void clear(struct ipc_holders *holders)
{
	ipc_arena_release(&holders->paths);
	ipc_keyset_release(&holders->keys);
	free(holders->helds);
	free(holders->holds);
	free(holders->table);
	*holders = (struct ipc_holders){.processes = holders->processes, .page_size = holders->page_size};
}

/* ---- choosing ------------------------------------------------------------------------------------------------ */

/*
 * Which source will be quicker? Loading a BPF program costs what reading some thousand fds through /proc does; each
 * process costs a fixed amount on top. Processor time of `list pipe` with 200, 5,000 and 40,000 fds in 5, 20 and 100
 * processes, on Linux 6.18 and a busy machine: 28, 29 and 41 ms by BPF, 5, 25 and 159 ms by /proc; with 500 processes that
 * have hardly any, 37 and 30 ms.
 */
static bool bpf_is_cheaper(const struct ipc_holders_want *want, struct ipc_processes *processes)
{
	const uint64_t load = 20000, per_file = 3, per_process = 25, per_maps = 40; /* microseconds */
	uint64_t cost = ipc_processes_count(processes) * (per_process + (want->maps ? per_maps : 0));

	if (want->only)
		return false;
	return cost > load || cost + per_file * ipc_processes_count_fds(processes, load / per_file + 1) > load;
}

static int take_keys(struct ipc_holders *holders, const struct ipc_holders_want *want)
{
	size_t i;
	int r = 0;

	holders->by_key = want->keys != NULL;
	for (i = 0; holders->by_key && r >= 0 && i < want->key_count; i++)
		r = ipc_keyset_add(&holders->keys, want->keys[i]);
	return r < 0 ? r : 0;
}

/* What is hidden even from root is the first process before all others: then BPF is read in the end, and /proc need not be before. */
static bool hides_from_root(struct ipc_ctx *ctx, const struct ipc_holders_want *want)
{
	uint64_t ns;
	int r;

	if (want->only || geteuid() != 0)
		return false;
	/* Its descriptors need the same right. */
	r = ipc_proc_inode_link(ctx, &ns, "1/ns/ipc");
	return r == -EACCES || r == -EPERM;
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
	r = grow_table(holders);
	if (r == 0)
		r = take_keys(holders, want);
	if (r == 0)
		r = bpf ? ipc_holders_read_bpf(ctx, want, holders) : ipc_holders_read_proc(ctx, want, holders);
	if (r == 0)
		r = ipc_holders_finish(holders);
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

	if (bpf && (bpf_is_cheaper(want, processes) || hides_from_root(ctx, want))) {
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
	struct ipc_holders_want less = *want;
	unsigned spaces = IPC_SPACE_BIT(IPC_SPACE_NS);
	size_t i;

	for (i = 0; want->keys && i < want->key_count; i++)
		spaces |= IPC_SPACE_BIT(want->keys[i].space);
	if (want->keys)
		less.spaces &= spaces;
	if (source == IPC_HOLDERS_AUTO)
		return read_either(ctx, &less, processes, out);
	return read_from(ctx, source == IPC_HOLDERS_BPF, &less, processes, out);
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
	return find(holders, key);
}

/* Each round needs what the one before has fetched. */
void ipc_holders_prefetch(const struct ipc_holders *holders, enum ipc_space space, const uint32_t *inodes, size_t count)
{
	const struct ipc_held *held;
	struct ipc_key key = {space, 0, 0};
	uint32_t at;
	size_t i;

	for (i = 0; i < count; i++) {
		key.inode = inodes[i];
		__builtin_prefetch(place_of(holders, key));
	}
	for (i = 0; i < count; i++) {
		key.inode = inodes[i];
		at = *place_of(holders, key);
		if (at)
			__builtin_prefetch(&holders->helds[at - 1]);
	}
	for (i = 0; i < count; i++) {
		key.inode = inodes[i];
		held = find(holders, key);
		if (held)
			__builtin_prefetch(&holders->holds[held->first - 1]);
	}
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
		ipc_processes_name(holders->processes, hold->process);
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
