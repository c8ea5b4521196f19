/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kinds of shared memory have in common that are found through their holders alone: memfds, anonymous
 * memory, mapped files.
 */
#include "classes/shm_held.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "classes/held.h"
#include "sources/procfs.h"

struct ipc_shm_use ipc_shm_held_use(const struct ipc_holders *holders, const struct ipc_held *held)
{
	const struct ipc_process *mapper = NULL, *sharer = NULL;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct ipc_hold *hold = NULL;
	struct ipc_shm_use use = {0};
	uint64_t first = 0, end;

	while ((hold = ipc_holders_hold(holders, held, hold))) {
		if (hold->fd >= 0)
			continue;
		use.maps++;
		if (hold->process != mapper)
			first = hold->addr;
		mapper = hold->process;
		end = hold->addr + hold->pages * page;
		if (end - first > use.longest)
			use.longest = end - first;
		/* The reader's own process maps a file of its C library: looking must not make it a shared one. */
		if (hold->shared && hold->process != sharer && hold->process->pid != getpid()) {
			use.sharers++;
			sharer = hold->process;
		}
	}
	return use;
}

struct ipc_shm *ipc_shm_held_object(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held,
				    struct ipc_file *file, bool *known)
{
	struct ipc_shm *shm = ipc_run_object(run, kind);

	if (!shm)
		return NULL;
	shm->base.hold = shm->base.wait = ipc_held_key(held);
	shm->base.dev = held->key.device;
	shm->base.inode = held->key.inode;
	shm->base.status = IPC_EMPTY_LIST;
	/* Links of a captured tree lead astray into the host that looks at it. */
	*known = !run->ctx->captured && ipc_held_stat(run, held, file) == 0;
	if (*known) {
		shm->base.uid = file->uid;
		shm->base.gid = file->gid;
		shm->base.mode = file->mode & 07777;
		shm->base.size = file->size;
		shm->base.changed = file->changed;
		shm->base.used = file->used;
		shm->base.created = shm->base.birth = file->birth;
	} else if (held->mode) {
		shm->base.mode = held->mode & 07777;
	}
	return shm;
}

bool ipc_shm_held_huge(const struct ipc_held *held)
{
	return held->key.device != makedev(0, 1);
}

/* ---- swap -------------------------------------------------------------------------------------------------------- */

struct ipc_shm_swap_map {
	uint64_t start, length;
	uint64_t swapped;
};

void ipc_shm_swap_release(struct ipc_shm_swap *swap)
{
	free(swap->maps);
	*swap = (struct ipc_shm_swap){0};
}

/* "SwapTotal:       8388604 kB" */
static uint64_t number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

static bool swap_in_use(struct ipc_run *run, struct ipc_shm_swap *swap)
{
	struct ipc_buf text = {0};

	if (!swap->known && ipc_proc_read(run->ctx, &text, "meminfo") == 0)
		swap->in_use = number_after(text.data, "\nSwapTotal:") != number_after(text.data, "\nSwapFree:");
	swap->known = true;
	ipc_buf_release(&text);
	return swap->in_use;
}

static int add_swap_map(struct ipc_shm_swap *swap, const struct ipc_map_line *line)
{
	if (swap->count == swap->room) {
		size_t room = swap->room ? 2 * swap->room : 256;
		struct ipc_shm_swap_map *grown = reallocarray(swap->maps, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		swap->maps = grown;
		swap->room = room;
	}
	swap->maps[swap->count++] = (struct ipc_shm_swap_map){.start = line->start, .length = line->end - line->start};
	return 0;
}

/* A line as in maps for each mapping, and below it lines that begin with a capital. */
static int read_swap_maps(struct ipc_run *run, struct ipc_shm_swap *swap, int64_t pid)
{
	struct ipc_map_line line;
	struct ipc_buf text = {0};
	const char *at, *end;
	int r;

	swap->count = 0;
	swap->pid = pid;
	r = ipc_proc_read(run->ctx, &text, "%" PRId64 "/smaps", pid);
	at = text.data;
	end = at ? at + text.len : NULL;
	while (r == 0 && at < end) {
		if (!isupper((unsigned char)*at)) {
			if (!ipc_proc_next_map(&at, end, &line))
				break;
			r = add_swap_map(swap, &line);
			continue;
		}
		if (swap->count && strncmp(at, "Swap:", strlen("Swap:")) == 0)
			swap->maps[swap->count - 1].swapped = strtoull(at + strlen("Swap:"), NULL, 10) * 1024;
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			break;
		at++;
	}
	ipc_buf_release(&text);
	return r;
}

static int compare_maps(const void *a, const void *b)
{
	const struct ipc_shm_swap_map *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * The kernel counts the swap of the object behind a mapping, whichever process touched it: one that maps all of it
 * tells.
 */
static bool find_swapped(struct ipc_run *run, struct ipc_shm_swap *swap, struct ipc_key object, uint64_t size,
			 uint64_t *swapped)
{
	struct ipc_holders *holders;
	const struct ipc_held *held = ipc_run_find_held(run, object, &holders);
	const struct ipc_hold *hold = held ? ipc_holders_hold(holders, held, NULL) : NULL;
	const struct ipc_shm_swap_map *map;
	struct ipc_shm_swap_map key;

	/* Mappings come before fds; the first process is enough, and asking all of them could take long. */
	if (!hold || hold->fd >= 0)
		return false;
	if (swap->pid != hold->process->pid && read_swap_maps(run, swap, hold->process->pid) < 0)
		return false;
	key.start = hold->addr;
	map = swap->count ? bsearch(&key, swap->maps, swap->count, sizeof(*swap->maps), compare_maps) : NULL;
	if (!map || map->length < size)
		return false;
	*swapped = map->swapped;
	return true;
}

/* Blocks of a tmpfs file are in memory or in swap. */
void ipc_shm_held_memory(struct ipc_run *run, struct ipc_shm_swap *swap, struct ipc_shm *shm,
			 const struct ipc_file *file)
{
	uint64_t used = file->blocks * 512, swapped = 0;

	if (!ipc_run_needs(run, IPC_NEED_RESIDENT))
		return;
	if (swap_in_use(run, swap) && used > 0 && !find_swapped(run, swap, shm->base.hold, file->size, &swapped))
		return;
	shm->swapped = swapped;
	shm->resident = used > swapped ? used - swapped : 0;
}

/* ---- kinds that nothing else lists ------------------------------------------------------------------------------- */

int ipc_shm_held_collect(struct ipc_run *run, const struct ipc_kind *kind, enum ipc_space space,
			 ipc_shm_held_emit_fn emit)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	struct ipc_shm_swap swap = {0};
	const struct ipc_held *held;
	size_t at = 0;
	int r = 0;

	while (r == 0 && holders && (held = ipc_holders_next(holders, space, &at)))
		r = emit(run, kind, held, &swap);
	ipc_shm_swap_release(&swap);
	return r;
}

void ipc_shm_held_names(const struct ipc_object *object, struct ipc_names *names)
{
	ipc_names_add_inode(names, false, object);
}
