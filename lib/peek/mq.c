/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The messages of a queue by BPF: parts are put together, a queue that changed under the walk is walked again, and what one
 * ring buffer does not hold is read in further runs.
 */
#include <errno.h>
#include <linux/types.h>
#include <string.h>
#include <unistd.h>

#include "peek/mq_record.h"
#include "peek/peek_bpf.h"

#include "mq.skel.h" /* speaks of the record */

#define RING_LEAST (64u << 10)
#define RING_FIRST (32u << 20) /* at most, before a message is met that needs more */
#define RING_MOST (2u << 30)
#define OVERHEAD (sizeof(struct ipc_peek_mq_record) + 16) /* of a part: the ring's own head, and alignment */

/* Walks before one is taken that saw the queue change; and before one is taken that did not get to the end. */
#define WALKS_QUIET 5
#define WALKS_WHOLE 20

struct reader {
	struct ipc_peek peek;
	const struct ipc_peek_mq_kind *kind;
	int number; /* descriptor, -1 when it is closed, or id */
	struct ipc_peek_queue *queue;
	struct ipc_peek_mq_ask ask;
	struct ipc_peek_mq_state seen; /* when the run before this one ended */
	bool again;                    /* there was one */
	struct mq_bpf *skeleton;
	uint64_t ring;          /* its bytes */
	struct ipc_buf message; /* as far as it has come */
	ipc_peek_message_fn fn;
	void *data;
};

/* What the two kinds of queues differ in. */
struct ipc_peek_mq_kind {
	struct ipc_peek_program program;
	struct bpf_program *(*visits)(struct mq_bpf *skeleton);
	bool by_descriptor; /* which is closed as soon as all is known; otherwise by id */
	int absent;         /* the error when it is not there */
};

/* ---- records ----------------------------------------------------------------------------------------------------- */

static int take_part(const void *record, size_t size, void *data)
{
	const struct ipc_peek_mq_record *head = record;
	const char *bytes = (const char *)record + sizeof(*head);
	struct ipc_peek_message message;
	struct reader *reader = data;
	int r;

	if (size < sizeof(*head) || size < sizeof(*head) + head->size)
		return ipc_peek_fail(&reader->peek, -EIO);
	/* One that proved to be none at its end was begun in vain. */
	if (head->offset == 0)
		ipc_buf_clear(&reader->message);
	r = ipc_buf_append(&reader->message, bytes, head->size);
	if (r)
		return ipc_peek_fail(&reader->peek, r);
	if (head->offset + head->size < head->length)
		return 0;
	message = (struct ipc_peek_message){
		.index = head->index,
		.number = head->number,
		.length = head->length,
		.data = {reader->message.data, reader->message.len},
	};
	return reader->fn(&message, reader->data);
}

/* ---- walks ------------------------------------------------------------------------------------------------------- */

static bool is_quiet(const struct ipc_peek_mq_answer *answer)
{
	return !memcmp(&answer->before, &answer->after, sizeof(answer->before)) &&
	       (answer->end != PEEK_MQ_ALL || answer->walked == answer->before.messages);
}

static bool is_good_enough(const struct ipc_peek_mq_answer *answer, unsigned walks)
{
	if (answer->end == PEEK_MQ_ABSENT || walks >= WALKS_WHOLE)
		return true;
	return answer->end != PEEK_MQ_BROKEN && (walks >= WALKS_QUIET || is_quiet(answer));
}

/* Walk until the queue keeps still for it. The records are in the ring then. */
static int walk(struct reader *reader)
{
	struct ipc_peek_mq_answer *answer = &reader->skeleton->bss->answer;
	const struct bpf_map *ring = reader->skeleton->maps.ring;
	unsigned walks = 0;
	int r = 0;

	for (;;) {
		memset(answer, 0, sizeof(*answer));
		reader->skeleton->bss->ask = reader->ask;
		r = ipc_peek_visit(&reader->peek, reader->kind->visits(reader->skeleton), getpid());
		if (r || is_good_enough(answer, ++walks))
			return r;
		r = ipc_peek_take(&reader->peek, ring, NULL, NULL);
		if (r)
			return r;
	}
}

/* What the walk said, for the result and for the next one. Returns whether there shall be one. */
static bool go_on(struct reader *reader, const struct ipc_peek_mq_answer *answer)
{
	uint64_t given = answer->next_index - reader->ask.first;

	reader->queue->torn |= !is_quiet(answer) || answer->end == PEEK_MQ_BROKEN || answer->end == PEEK_MQ_MISSING ||
			       (reader->again && memcmp(&reader->seen, &answer->before, sizeof(reader->seen)));
	reader->again = true;
	reader->seen = answer->after;
	if (answer->end != PEEK_MQ_CUT || !given)
		return false;
	reader->ask.first = answer->next_index;
	reader->ask.after = answer->last;
	if (reader->ask.count != UINT64_MAX)
		reader->ask.count -= given;
	return reader->ask.count;
}

static void let_go(struct reader *reader)
{
	if (!reader->kind->by_descriptor || reader->number < 0)
		return;
	close(reader->number);
	reader->number = -1;
}

/* As far as one ring gets. */
static int read_on(struct reader *reader)
{
	const struct ipc_peek_mq_answer *answer = &reader->skeleton->bss->answer;
	bool more;
	int r;

	do {
		r = walk(reader);
		if (r)
			return r;
		if (answer->end == PEEK_MQ_ABSENT)
			return ipc_ctx_fail(reader->peek.ctx, reader->kind->absent, "there is no such queue any more");
		more = go_on(reader, answer);
		if (answer->end != PEEK_MQ_CUT)
			let_go(reader);
		r = ipc_peek_take(&reader->peek, reader->skeleton->maps.ring, take_part, reader);
	} while (r == 0 && more);
	return r;
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

/* A power of two, which a ring's size must be, with room for @messages of @bytes together. */
static uint64_t ring_for(uint64_t messages, uint64_t bytes, uint64_t most)
{
	uint64_t size = RING_LEAST, need = most;

	/* No sum here comes near to an overflow. */
	if (messages < most && bytes < most)
		need = bytes + (messages + bytes / (PEEK_MQ_PART / 2)) * OVERHEAD;
	while (size < need && size < most)
		size *= 2;
	return size;
}

static void destroy(void *skeleton)
{
	mq_bpf__destroy(skeleton);
}

static int load(uint32_t ring, bool has_tree, void **out)
{
	struct mq_bpf *skeleton = mq_bpf__open();
	int r;

	if (!skeleton)
		return -errno;
	skeleton->rodata->has_tree = has_tree;
	skeleton->rodata->page_size = (__u32)sysconf(_SC_PAGESIZE);
	bpf_program__set_autoload(has_tree ? skeleton->progs.peek_mq_sysv : skeleton->progs.peek_mq_posix, false);
	bpf_map__set_max_entries(skeleton->maps.ring, ring);
	r = mq_bpf__load(skeleton);
	if (r)
		destroy(skeleton);
	else
		*out = skeleton;
	return r;
}

static int load_posix(uint32_t ring, void **out)
{
	return load(ring, true, out);
}

static int load_sysv(uint32_t ring, void **out)
{
	return load(ring, false, out);
}

static struct bpf_program *posix_program(struct mq_bpf *skeleton)
{
	return skeleton->progs.peek_mq_posix;
}

static struct bpf_program *sysv_program(struct mq_bpf *skeleton)
{
	return skeleton->progs.peek_mq_sysv;
}

static const struct ipc_peek_mq_kind posix = {{IPC_PEEK_MQ_POSIX, load_posix, destroy}, posix_program, true, -EBADF};
static const struct ipc_peek_mq_kind sysv = {{IPC_PEEK_MQ_SYSV, load_sysv, destroy}, sysv_program, false, -ENOENT};

/* A message that the ring cannot hold gets a larger one. Returns whether it is to be tried again with that. */
static bool enlarge(struct reader *reader)
{
	const struct ipc_peek_mq_answer *answer = &reader->skeleton->bss->answer;
	uint64_t ring;

	if (answer->end != PEEK_MQ_CUT || reader->ask.count == 0)
		return false;
	ring = answer->stuck ? ring_for(1, answer->stuck, RING_MOST) : 0;
	if (ring > reader->ring) {
		reader->ring = ring;
		return true;
	}
	if (answer->before.messages > answer->next_index)
		reader->queue->left = answer->before.messages - answer->next_index;
	return false;
}

static int read_queue(struct reader *reader)
{
	void *loaded = NULL;
	int r;

	do {
		r = ipc_peek_program(&reader->peek, &reader->kind->program, (uint32_t)reader->ring, &loaded);
		if (r)
			return r;
		reader->skeleton = loaded;
		reader->skeleton->bss->wanted = reader->number;
		r = read_on(reader);
	} while (r == 0 && enlarge(reader));
	if (r)
		ipc_peek_forget(&reader->peek, &reader->kind->program);
	return r;
}

static int peek(struct ipc_ctx *ctx, struct reader *reader)
{
	struct ipc_peek_queue *queue = reader->queue;
	int r = ipc_peek_begin(&reader->peek, ctx);

	queue->left = 0;
	queue->torn = false;
	if (r)
		return r;
	reader->ask = (struct ipc_peek_mq_ask){.first = queue->first, .count = queue->count};
	reader->ring = ring_for(queue->messages, queue->bytes, RING_FIRST);
	r = read_queue(reader);
	ipc_buf_release(&reader->message);
	ipc_peek_end(&reader->peek);
	return r;
}

int ipc_peek_mq_posix(struct ipc_ctx *ctx, int fd, struct ipc_peek_queue *queue, ipc_peek_message_fn fn, void *data)
{
	struct reader reader = {.kind = &posix, .number = fd, .queue = queue, .fn = fn, .data = data};
	int r = peek(ctx, &reader);

	let_go(&reader);
	return r;
}

int ipc_peek_mq_sysv(struct ipc_ctx *ctx, int id, struct ipc_peek_queue *queue, ipc_peek_message_fn fn, void *data)
{
	struct reader reader = {.kind = &sysv, .number = id, .queue = queue, .fn = fn, .data = data};

	return peek(ctx, &reader);
}
