/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events by BPF: the programs that are needed for what is asked for, behind tracepoints or functions, and the ring that they
 * write to.
 */
#include <errno.h>
#include <ipctool/monitor.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "events/bpf_programs.h"
#include "events/bpf_refusal.h"
#include "events/outputs.h"
#include "events/source.h"
#include "events/tracefs.h"
#include "sources/libbpf.h"
#include "sources/procfs.h"

#include "watch.skel.h"

#define ROOM_DEFAULT (8u << 20)
#define ROOM_LEAST (16u << 10) /* several records with the longest names */
#define ROOM_MOST (1u << 30)

#define MISSES_EVERY 200000000 /* ns */
#define READ_MOST 65536        /* records: libbpf goes on for as long as more come, and nobody else would get a turn */

struct bpf_source {
	struct ipc_source base;
	struct ipc_ctx *ctx;
	struct ipc_bpf_choice choice;
	struct watch_bpf *skeleton;
	struct bpf_link **links;
	size_t link_count;
	struct ring_buffer *ring;
	volatile struct ipc_counts *counts; /* of the kernel */
	struct ipc_bpf_refusal refusal;     /* for what fails next */
	uint64_t misses;                    /* times that a program was not run */
	int64_t misses_asked, lost_asked;
	int timer; /* for the misses of what was read last, else nobody would ask for them until more comes */
	bool timer_runs;
	ipc_raw_fn fn;
	void *data;
	int result;
	uint32_t taken; /* in this read */
};

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* ---- loading -------------------------------------------------------------------------------------------------------- */

static uint32_t power_of_two(uint64_t room)
{
	uint32_t size = ROOM_LEAST;

	while (size < room || size < (uint64_t)sysconf(_SC_PAGESIZE))
		size *= 2;
	return size;
}

static int load(struct bpf_source *source, const struct ipc_source_want *want)
{
	uint32_t zero = 0;
	int r;

	source->refusal.step = IPC_BPF_LOADING;
	source->skeleton = watch_bpf__open();
	if (!source->skeleton)
		return -errno;
	bpf_map__set_max_entries(source->skeleton->maps.ring, (uint32_t)source->refusal.room);
	r = ipc_bpf_choose(&source->choice, source->skeleton->obj);
	if (r == 0)
		r = watch_bpf__load(source->skeleton);
	if (r == 0 && bpf_map_update_elem(bpf_map__fd(source->skeleton->maps.settings), &zero, want->settings, 0) < 0)
		r = -errno;
	return r;
}

/* ---- attaching ------------------------------------------------------------------------------------------------------ */

/* libbpf would look for tracefs where it is usually mounted, and not find it. */
static struct bpf_link *attach_tracepoint(struct bpf_source *source, const struct bpf_program *program, int *tracefs)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr)};
	const char *place = bpf_program__section_name(program); /* "tp/GROUP/EVENT" */
	struct bpf_link *link;
	uint64_t id = 0;
	int fd, r;

	source->refusal.step = IPC_BPF_NUMBERING;
	if (*tracefs < 0)
		*tracefs = ipc_tracefs_open();
	r = *tracefs < 0 ? *tracefs : ipc_tracefs_event(*tracefs, strchr(place, '/') + 1, &id);
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	source->refusal.step = IPC_BPF_ATTACHING;
	attr.config = id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(program, fd);
	if (!link)
		close(fd);
	return link;
}

static int attach_one(struct bpf_source *source, struct bpf_program *program, int *tracefs)
{
	struct bpf_link *link;

	source->refusal.step = IPC_BPF_ATTACHING;
	if (bpf_program__type(program) == BPF_PROG_TYPE_TRACEPOINT)
		link = attach_tracepoint(source, program, tracefs);
	else
		link = bpf_program__attach(program);
	/* A call that this architecture, or kernel, does not have is made by nobody. */
	if (!link)
		return errno == ENOENT && *tracefs >= 0 ? 0 : -errno;
	source->links[source->link_count++] = link;
	return 0;
}

static int attach(struct bpf_source *source)
{
	struct bpf_program *program;
	int tracefs = -1, r = 0;
	enum ipc_bpf_turn turn;
	size_t count = 0;

	bpf_object__for_each_program(program, source->skeleton->obj) count++;
	source->links = calloc(count + 1, sizeof(struct bpf_link *)); /* of none as well */
	if (!source->links)
		return -ENOMEM;
	for (turn = IPC_BPF_EVENTS; turn < IPC_BPF_TURNS; turn++) {
		bpf_object__for_each_program(program, source->skeleton->obj)
		{
			if (r == 0 && bpf_program__autoload(program) && ipc_bpf_turn(program) == turn)
				r = attach_one(source, program, &tracefs);
		}
	}
	if (tracefs >= 0)
		close(tracefs);
	return r;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static int take(void *context, void *record, size_t size)
{
	struct bpf_source *source = context;

	source->result = source->fn(record, size, source->data);
	return source->result || ++source->taken == READ_MOST ? -1 : 0;
}

static int read_ring(struct ipc_source *base, ipc_raw_fn fn, void *data)
{
	struct bpf_source *source = (struct bpf_source *)base;
	int r;

	source->fn = fn;
	source->data = data;
	source->result = 0;
	source->taken = 0;
	r = ring_buffer__consume(source->ring);
	if (source->result || source->taken == READ_MOST)
		return source->result;
	return r < 0 ? ipc_bpf_refuse(source->ctx, &source->refusal, r) : 0;
}

/*
 * The kernel does not run a program that it had to interrupt in itself: of each time a call was not told of. It is asked for
 * now and then, because it takes a call per program.
 */
static uint64_t count_misses(const struct bpf_source *source)
{
	struct bpf_program *program;
	uint64_t misses = 0;

	bpf_object__for_each_program(program, source->skeleton->obj)
	{
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);

		if (bpf_program__fd(program) >= 0 &&
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
			misses += info.recursion_misses;
	}
	return misses;
}

static void run_timer(struct bpf_source *source, int64_t until)
{
	struct itimerspec time = {.it_value = {until / 1000000000, until % 1000000000}};

	if (timerfd_settime(source->timer, TFD_TIMER_ABSTIME, &time, NULL) == 0)
		source->timer_runs = until != 0;
}

static uint64_t lost(struct ipc_source *base, int64_t *since)
{
	struct bpf_source *source = (struct bpf_source *)base;
	int64_t time = now(), first = (int64_t)source->counts->lost_since;
	uint64_t misses;

	if (!since)
		return source->counts->lost + count_misses(source);
	source->counts->lost_since = 0;
	if (time - source->misses_asked >= MISSES_EVERY) {
		misses = count_misses(source);
		if (misses > source->misses && (!first || first > source->misses_asked))
			first = source->misses_asked;
		source->misses = misses;
		source->misses_asked = time;
		if (source->timer_runs)
			run_timer(source, 0);
	} else if (source->taken && !source->timer_runs) {
		run_timer(source, source->misses_asked + MISSES_EVERY);
	}
	/* Where a program counted while it was looked at. */
	*since = first ? first : source->lost_asked;
	source->lost_asked = time;
	return source->counts->lost + source->misses;
}

static void source_free(struct ipc_source *base)
{
	struct bpf_source *source = (struct bpf_source *)base;
	size_t i;

	for (i = 0; i < source->link_count; i++)
		bpf_link__destroy(source->links[i]);
	free(source->links);
	ring_buffer__free(source->ring);
	if (source->timer >= 0)
		close(source->timer);
	if (source->counts)
		munmap((void *)source->counts, (size_t)sysconf(_SC_PAGESIZE));
	watch_bpf__destroy(source->skeleton);
	free(source);
}

static int open_ring(struct bpf_source *source)
{
	struct epoll_event event = {.events = EPOLLIN};
	void *counts;

	source->refusal.step = IPC_BPF_READING;
	source->ring = ring_buffer__new(bpf_map__fd(source->skeleton->maps.ring), take, source, NULL);
	if (!source->ring)
		return -errno;
	counts = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(source->skeleton->maps.counts), 0);
	if (counts == MAP_FAILED)
		return -errno;
	source->counts = counts;
	source->base.fd = ring_buffer__epoll_fd(source->ring);
	source->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (source->timer < 0 || epoll_ctl(source->base.fd, EPOLL_CTL_ADD, source->timer, &event) < 0)
		return -errno;
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static int start(const struct ipc_source_want *want, enum ipc_bpf_hooked hooked, struct ipc_bpf_refusal *refusal,
		 struct ipc_source **out)
{
	static const struct ipc_source_ops ops = {"bpf", read_ring, lost, source_free, false};
	struct bpf_source *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->base.ops = &ops;
	source->timer = -1;
	source->ctx = want->ctx;
	source->choice = (struct ipc_bpf_choice){.settings = want->settings, .hooked = hooked};
	source->refusal.functions = hooked == IPC_BPF_BY_FUNCTION;
	source->refusal.room = power_of_two(want->how->buffer ? want->how->buffer : ROOM_DEFAULT);
	source->misses_asked = source->lost_asked = now();
	r = load(source, want);
	if (r == 0)
		r = open_ring(source);
	if (r == 0)
		r = attach(source);
	if (r == 0)
		r = ipc_outputs_enter(source->ctx, bpf_map__fd(source->skeleton->maps.outputs));
	*refusal = source->refusal;
	if (r < 0) {
		source_free(&source->base);
		return r;
	}
	source->refusal.step = IPC_BPF_READING;
	ipc_bpf_tell_lacking(&source->choice, want);
	snprintf(source->base.method, sizeof(source->base.method), "BPF: %zu programs behind %s", source->link_count,
		 hooked == IPC_BPF_BY_FUNCTION ? "functions of the kernel" : "tracepoints");
	*out = &source->base;
	return 0;
}

/*
 * Does this kernel take programs behind functions? It is asked with one that has no function: a kernel that forbids them says so before it
 * looks for that. Returns 0 or -errno.
 */
static int probe_functions(void)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY, .attach_btf_id = 1);
	int fd;

	if (!ipc_bpf_has_functions())
		return -ENOTSUP;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", nothing, 2, &options);
	if (fd >= 0)
		close(fd);
	return fd < 0 && fd != -EINVAL ? fd : 0;
}

/*
 * Are functions worth it? Programs behind them can be preempted where the kernel preempts itself, as they are by the reader that they
 * wake, and who comes by the same function then is not told of. Behind tracepoints that cannot happen.
 */
static int choose_functions(enum ipc_event_source which)
{
	int r = which == IPC_EVENTS_TRACEPOINT ? -ENOTSUP : probe_functions();

	return r == 0 && which != IPC_EVENTS_FENTRY && ipc_kernel_preempts() ? -ENOTSUP : r;
}

int ipc_source_bpf_new(const struct ipc_source_want *want, struct ipc_source **out)
{
	enum ipc_event_source which = want->how->source;
	struct ipc_bpf_refusal refusal = {.step = IPC_BPF_LOADING, .functions = true};
	libbpf_print_fn_t print;
	int r;

	if (want->ctx->captured)
		return ipc_ctx_fail(want->ctx, -ENOTSUP, "BPF watches the running kernel, not a captured tree");
	if (!ipc_proc_same_pids(want->ctx))
		return ipc_ctx_fail(want->ctx, -ENOTSUP,
				    "BPF cannot be used: /proc is of another pid namespace than the caller");
	if (want->how->buffer > ROOM_MOST)
		return ipc_ctx_fail(want->ctx, -EINVAL, "room for events: at most 1 GiB");
	r = ipc_libbpf_load(want->ctx);
	if (r < 0)
		return r;
	print = libbpf_set_print(NULL);
	r = choose_functions(which);
	if (r == 0)
		r = start(want, IPC_BPF_BY_FUNCTION, &refusal, out);
	if (r < 0 && which != IPC_EVENTS_FENTRY)
		r = start(want, IPC_BPF_BY_TRACEPOINT, &refusal, out);
	libbpf_set_print(print);
	return r < 0 ? ipc_bpf_refuse(want->ctx, &refusal, r) : 0;
}
