/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memfds: memory that a file descriptor stands for; nothing lists them but the processes that have them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/contents.h"
#include "classes/file_events.h"
#include "classes/held.h"
#include "classes/shm_held.h"
#include "model/bytes.h"

#define PREFIX "/memfd:"
#define DELETED " (deleted)"

static const struct {
	int bit;
	struct ipc_bytes word;
} seal_words[] = {
	{0x0001, {"sealed:seal", 11}},         /* F_SEAL_SEAL */
	{0x0002, {"sealed:shrink", 13}},       /* F_SEAL_SHRINK */
	{0x0004, {"sealed:grow", 11}},         /* F_SEAL_GROW */
	{0x0008, {"sealed:write", 12}},        /* F_SEAL_WRITE */
	{0x0010, {"sealed:future-write", 19}}, /* F_SEAL_FUTURE_WRITE, since 5.1 */
	{0x0020, {"sealed:exec", 11}},         /* F_SEAL_EXEC, since 6.3 */
};
#define SEALS (sizeof(seal_words) / sizeof(seal_words[0]))

static int read_seals(struct ipc_run *run, const struct ipc_held *held)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_hold *hold = NULL;
	struct stat st;
	int fd, seals = 0;

	if (run->ctx->captured || !ipc_run_needs(run, IPC_NEED_STATUS))
		return 0;
	while (holders && (hold = ipc_holders_hold(holders, held, hold))) {
		if (hold->fd < 0)
			continue;
		fd = ipc_hold_copy(hold, held, &st);
		if (fd < 0)
			continue;
		if (st.st_dev == held->key.device) {
			seals = fcntl(fd, F_GET_SEALS);
			close(fd);
			break;
		}
		close(fd);
	}
	return seals < 0 ? 0 : seals;
}

static struct ipc_list status_of(struct ipc_run *run, const struct ipc_held *held)
{
	struct ipc_bytes *words = ipc_arena_alloc(&run->arena, (SEALS + 1) * sizeof(*words));
	int seals = read_seals(run, held);
	size_t count = 0, i;

	if (!words)
		return (struct ipc_list){0};
	if (ipc_shm_held_huge(held))
		words[count++] = IPC_BYTES("hugetlb");
	for (i = 0; i < SEALS; i++)
		if (seals & seal_words[i].bit)
			words[count++] = seal_words[i].word;
	return (struct ipc_list){words, count};
}

static struct ipc_bytes name_of(struct ipc_bytes path)
{
	if (ipc_bytes_ends(path, DELETED))
		path.len -= strlen(DELETED);
	if (ipc_bytes_starts(path, PREFIX)) {
		path.data += strlen(PREFIX);
		path.len -= strlen(PREFIX);
	}
	return path;
}

static int emit(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held,
		struct ipc_shm_swap *swap)
{
	struct ipc_file file;
	struct ipc_shm *shm;
	bool known;

	shm = ipc_shm_held_object(run, kind, held, &file, &known);
	if (!shm)
		return -ENOMEM;
	shm->base.name = name_of(held->path);
	shm->base.status = status_of(run, held);
	shm->attached = ipc_shm_held_use(ipc_run_holders(run), held).maps;
	if (known)
		ipc_shm_held_memory(run, swap, shm, &file);
	return ipc_run_emit(run, shm);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	return ipc_shm_held_collect(run, kind, IPC_SPACE_MEMFD, emit);
}

static const struct ipc_changes changes = {
	.refuse =
		{
			[IPC_VERB_CREATE] =
				"a memfd lives in the processes that have it; make one that a name reaches: shm:/name",
			[IPC_VERB_SET] = "a memfd is changed by the process that has it",
			[IPC_VERB_SEND] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_RECEIVE] = "memory carries no messages; use a queue: mq:/name",
			[IPC_VERB_POST] = "memory is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "memory is no semaphore; make one: sem:/name",
			[IPC_VERB_REMOVE] =
				"a memfd goes with its last holder; end that process, which \"ipctool show\" names",
		},
};

const struct ipc_kind ipc_kind_shm_memfd = {
	.name = "memfd",
	.help = "memory behind a file descriptor (memfd_create)",
	.cls = &ipc_class_shm,
	.locators = 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_MEMFD),
	.maps = true,
	.judge_needs = IPC_NEED_HOLDERS,
	.collect = collect,
	.names = ipc_shm_held_names,
	.identity = ipc_identity_inode,
	.changes = &changes,
	.contents = &ipc_contents_shm_held,
	.events = &ipc_events_shm_memfd,
};
