/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a pipe: copied by tee(2) into a private one, which is then taken apart, packet by packet. */
#include "classes/pipe_contents.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "classes/held.h"
#include "classes/pipe.h"

#define CHUNK ((size_t)64 * 1024) /* bytes without boundaries are given in pieces of about this size */

/* ---- taking the copy apart --------------------------------------------------------------------------------------- */

/*
 * A read() takes bytes without boundaries and the packet behind them as one, so the copy is moved on one buffer of the
 * kernel after the other: into a pipe with room for two, of which one is taken by a byte of ours. A further byte of ours
 * is put behind it. A read() of both ends with a packet, and goes on behind anything else.
 */
struct sorting {
	struct ipc_dumping *dumping;
	int from;      /* the copy, which nobody writes to any more */
	int in, out;   /* ends of the pipe for two */
	bool ours;     /* a byte of ours is in it */
	bool whole;    /* packets are given as packets */
	bool chosen;   /* packets alone are given */
	uint64_t page; /* the most that is in one packet */

	struct ipc_buf buffer;
	struct ipc_buf plain; /* bytes without boundaries before `offset`, not given yet */
	uint64_t offset;
	uint64_t packets, others; /* so many buffers of either sort have come */
	bool was_full;            /* the last one was a packet of a full page */
	bool split;               /* and another packet came behind such a one */
};

static int fail_read(const struct sorting *sorting, int error)
{
	return ipc_ctx_fail(sorting->dumping->ctx, error, "a copy was made, but cannot be read: %s", strerror(-error));
}

/* Bytes of @buffer, or -errno. Nothing waits here: what is read was put there before. */
static ssize_t take(const struct sorting *sorting, size_t most)
{
	ssize_t n;

	do
		n = read(sorting->out, sorting->buffer.data, most);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int put_ours(struct sorting *sorting)
{
	ssize_t n;

	do
		n = write(sorting->in, "", 1);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Move one buffer on: its bytes, 0 for one that is empty (left by a write that failed), -ENODATA at the end, or -errno. */
static ssize_t move_one(struct sorting *sorting)
{
	ssize_t n;

	do
		n = splice(sorting->from, NULL, sorting->in, NULL, INT_MAX, SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n ? n : -ENODATA;
}

/* The next buffer of the copy into `buffer`: its length, -ENODATA at the end, or -errno. */
static ssize_t next_buffer(struct sorting *sorting, bool *packet)
{
	ssize_t len, n;
	int r = sorting->ours ? 0 : put_ours(sorting);

	if (r)
		return r;
	len = move_one(sorting);
	if (len < 0)
		return len;
	if (ipc_buf_reserve(&sorting->buffer, (size_t)len + 1))
		return -ENOMEM;
	n = take(sorting, 1);
	r = n < 0 ? (int)n : put_ours(sorting);
	if (r)
		return r;
	n = take(sorting, (size_t)len + 1);
	if (n < len)
		return n < 0 ? n : -EIO;
	*packet = sorting->ours = n == len;
	return len;
}

static int give_plain(struct sorting *sorting)
{
	struct ipc_buf *plain = &sorting->plain;
	int r = 0;

	if (plain->len && !sorting->chosen)
		r = ipc_dumping_bytes(sorting->dumping, sorting->offset - plain->len,
				      (struct ipc_bytes){plain->data, plain->len});
	ipc_buf_clear(plain);
	return r;
}

static int give_packet(struct sorting *sorting, size_t len)
{
	int r = give_plain(sorting);

	sorting->split |= sorting->was_full;
	sorting->was_full = len == sorting->page;
	sorting->offset += len;
	if (r)
		return r;
	return ipc_dumping_message(sorting->dumping, sorting->packets - 1, len,
				   (struct ipc_bytes){sorting->buffer.data, len}, NULL, NULL);
}

static int give_buffer(struct sorting *sorting, size_t len, bool packet)
{
	sorting->packets += packet;
	sorting->others += !packet && len;
	if (packet && sorting->whole)
		return give_packet(sorting, len);
	sorting->was_full = false;
	if (ipc_buf_append(&sorting->plain, sorting->buffer.data, len))
		return ipc_ctx_fail(sorting->dumping->ctx, -ENOMEM, "out of memory");
	sorting->offset += len;
	return sorting->plain.len < CHUNK ? 0 : give_plain(sorting);
}

static int give_all(struct sorting *sorting)
{
	bool packet = false;
	ssize_t len = 0;
	int r = 0;

	while (r == 0 && (len = next_buffer(sorting, &packet)) >= 0)
		r = give_buffer(sorting, (size_t)len, packet);
	if (r)
		return r;
	return len == -ENODATA ? give_plain(sorting) : fail_read(sorting, (int)len);
}

/* What a reader of the pieces should know of their boundaries; what could not be reached has a note of its own. */
static void tell(const struct sorting *sorting)
{
	struct ipc_ctx *ctx = sorting->dumping->ctx;

	if (!sorting->packets || sorting->dumping->result->unreached)
		return;
	if (!sorting->whole)
		ipc_ctx_set_note(ctx, "its packets are given as bytes, without their boundaries");
	else if (sorting->others)
		ipc_ctx_set_note(ctx, "packets and bytes without boundaries are mixed: a read() takes such bytes and "
				      "the packet behind them as one");
	else if (sorting->split)
		ipc_ctx_set_note(ctx,
				 "packets of %" PRIu64 " bytes may be parts of one longer write, which the kernel "
				 "divides",
				 sorting->page);
}

static int sort_copy(struct sorting *sorting)
{
	const struct ipc_dump_how *how = &sorting->dumping->how;
	int pair[2], r;

	sorting->chosen = how->first || how->count != UINT64_MAX;
	sorting->whole = !how->offset && how->length == UINT64_MAX;
	sorting->page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_read(sorting, -errno);
	sorting->out = pair[0];
	sorting->in = pair[1];
	if (fcntl(sorting->in, F_SETPIPE_SZ, (int)(2 * sorting->page)) < 0)
		r = fail_read(sorting, -errno);
	else
		r = give_all(sorting);
	close(pair[0]);
	close(pair[1]);
	ipc_buf_release(&sorting->buffer);
	ipc_buf_release(&sorting->plain);
	if (r == 0 && sorting->chosen && sorting->others && !sorting->packets)
		return ipc_ctx_fail(sorting->dumping->ctx, -EINVAL,
				    "what is in it has no boundaries: there are no packets to choose from");
	if (r == 0 || r == IPC_DUMP_ENOUGH)
		tell(sorting);
	return r;
}

/* ---- copying ----------------------------------------------------------------------------------------------------- */

/* As many buffers as @wanted bytes of capacity stand for, or as many as this user may have. */
static int enlarge(int fd, int wanted)
{
	int size = wanted, now = fcntl(fd, F_GETPIPE_SZ);

	while (size > now && fcntl(fd, F_SETPIPE_SZ, size) < 0)
		size /= 2;
	return fcntl(fd, F_GETPIPE_SZ);
}

/* How many bytes of the beginning are of interest. */
static uint64_t wanted_bytes(const struct ipc_dump_how *how)
{
	return how->length > UINT64_MAX - how->offset ? UINT64_MAX : how->offset + how->length;
}

static int fail_tee(struct ipc_ctx *ctx, int error)
{
	if (error == -EINVAL)
		return ipc_ctx_fail(ctx, -ENOTSUP, "a pipe for notifications of the kernel cannot be copied");
	return ipc_ctx_fail(ctx, error, "it cannot be copied: %s", strerror(-error));
}

/* Everything in the pipe behind @end at one moment, as far as it fits, into the one behind @copy. */
static int copy_pipe(struct ipc_dumping *dumping, int end, int copy)
{
	int capacity = fcntl(end, F_GETPIPE_SZ), room = enlarge(copy, capacity), waiting = 0;
	uint64_t wanted = wanted_bytes(&dumping->how), there;
	ssize_t n;

	/* tee() returned an int once. */
	if (wanted > INT_MAX)
		wanted = INT_MAX;
	if (ioctl(end, FIONREAD, &waiting) < 0)
		waiting = 0;
	n = tee(end, copy, wanted, SPLICE_F_NONBLOCK);
	if (n < 0 && errno != EAGAIN)
		return fail_tee(dumping->ctx, -errno);
	if (n < 0)
		n = 0;
	there = (uint64_t)waiting < wanted ? (uint64_t)waiting : wanted;
	if (room < capacity && there > (uint64_t)n) {
		dumping->result->unreached = there - (uint64_t)n;
		ipc_ctx_set_note(dumping->ctx,
				 "%" PRIu64 " bytes more are in it, which has room for %d, and your private pipe for "
				 "%d (pipe-max-size, pipe-user-pages-soft); more takes CAP_SYS_RESOURCE (root)",
				 dumping->result->unreached, capacity, room);
	}
	return 0;
}

/* ---- reaching it ------------------------------------------------------------------------------------------------- */

struct reach {
	bool (*is)(int fd, const void *data);
	const void *data;
	int *waiting; /* bytes in it, as a write end told; -1: none could be asked */
};

static bool is_read_end(int fd, const void *data)
{
	const struct reach *reach = data;
	int flags = fcntl(fd, F_GETFL), access = flags & O_ACCMODE;

	if (flags < 0 || !reach->is(fd, reach->data))
		return false;
	if (access == O_RDONLY || access == O_RDWR)
		return true;
	if (ioctl(fd, FIONREAD, reach->waiting) < 0)
		*reach->waiting = -1;
	return false;
}

/* Write ends alone could be had, which told how many bytes are in it. @error: why no read end, with text. */
static int without_reader(struct ipc_dumping *dumping, int error, int waiting)
{
	bool sees_others = dumping->ctx->euid == 0;

	dumping->result->source = "FIONREAD";
	dumping->result->unreached = (uint64_t)waiting;
	if (!waiting)
		return 0;
	if (error != -ESRCH)
		return error;
	return ipc_ctx_fail(dumping->ctx, sees_others ? -ESRCH : -EPERM,
			    "%d byte%s in it can be seen through its read end alone, which nobody %s has%s", waiting,
			    waiting == 1 ? "" : "s", sees_others ? "who could be seen" : "whom you may look at",
			    sees_others ? " any more" : "; CAP_SYS_PTRACE (root) shows the processes of others");
}

static int dump_through(struct ipc_dumping *dumping, const struct reach *reach, const int copy[2])
{
	int end = ipc_object_copy(dumping->ctx, dumping->object, is_read_end, reach), r;

	if (end < 0)
		return *reach->waiting < 0 ? end : without_reader(dumping, end, *reach->waiting);
	dumping->result->source = "tee";
	r = copy_pipe(dumping, end, copy[1]);
	/* At once: it keeps a close by the process that has it from taking effect. */
	close(end);
	return r;
}

int ipc_pipe_dump(struct ipc_dumping *dumping, bool (*is)(int fd, const void *data), const void *data)
{
	const struct ipc_dump_how *how = &dumping->how;
	int copy[2], waiting = -1, r;
	struct sorting sorting = {.dumping = dumping};
	const struct reach reach = {is, data, &waiting};

	if ((how->offset || how->length != UINT64_MAX) && (how->first || how->count != UINT64_MAX))
		return ipc_ctx_fail(dumping->ctx, -EINVAL, "either bytes can be chosen or packets, not both");
	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		return ipc_ctx_fail(dumping->ctx, -errno, "no private pipe can be had to copy it into: %s",
				    strerror(errno));
	r = dump_through(dumping, &reach, copy);
	close(copy[1]);
	if (r == 0) {
		sorting.from = copy[0];
		r = sort_copy(&sorting);
	}
	close(copy[0]);
	return r;
}

/* ---- the kind ---------------------------------------------------------------------------------------------------- */

static int dump(struct ipc_dumping *dumping)
{
	return ipc_pipe_dump(dumping, ipc_pipe_is, dumping->object);
}

const struct ipc_contents ipc_contents_pipe = {
	.help =
		{
			.read = IPC_PIPE_DUMP_READ,
			.privilege = IPC_PIPE_DUMP_PRIVILEGE,
			.disturbs = IPC_PIPE_DUMP_DISTURBS,
		},
	.needs = IPC_NEED_HOLDERS,
	.takes = IPC_PIPE_DUMP_TAKES,
	.dump = dump,
};
