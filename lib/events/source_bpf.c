/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events by BPF: the programs that are needed for what is asked for, behind tracepoints or functions, and the ring that they
 * write to.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "events/hooks.h"
#include "events/source.h"
#include "events/tracefs.h"
#include "sources/procfs.h"

#include "watch.skel.h"

#define BUFFER_DEFAULT (8u << 20)

#if defined(__x86_64__)
#define CALL_PREFIX "__x64_sys_"
#elif defined(__aarch64__)
#define CALL_PREFIX "__arm64_sys_"
#endif

enum hooked { BY_FUNCTION, BY_TRACEPOINT };

struct bpf_source {
	struct ipc_source base;
	struct ipc_ctx *ctx;
	struct watch_bpf *skeleton;
	struct bpf_link **links;
	size_t link_count;
	struct ring_buffer *ring;
	volatile struct ipc_counts *counts; /* of the kernel */
	enum hooked hooked;
	ipc_raw_fn fn;
	void *data;
	int result;
};

/* ---- which programs ----------------------------------------------------------------------------------------------- */

/* What the name of a program says: tp_enter_X, tp_exit_X, tp_on_X, fn_enter_X, fn_exit_X, fn_on_X, on_X. */
struct program_name {
	const char *hook;
	bool of_call; /* X is a system call */
	bool both;
	enum hooked hooked;
};

static bool parse_name(const char *name, struct program_name *out)
{
	static const struct {
		const char *prefix;
		struct program_name is;
	} prefixes[] = {
		{"tp_enter_", {.of_call = true, .hooked = BY_TRACEPOINT}},
		{"tp_exit_", {.of_call = true, .hooked = BY_TRACEPOINT}},
		{"fn_enter_", {.of_call = true, .hooked = BY_FUNCTION}},
		{"fn_exit_", {.of_call = true, .hooked = BY_FUNCTION}},
		{"tp_on_", {.hooked = BY_TRACEPOINT}},
		{"fn_on_", {.hooked = BY_FUNCTION}},
		{"on_", {.both = true}},
	};
	size_t i, len;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		len = strlen(prefixes[i].prefix);
		if (strncmp(name, prefixes[i].prefix, len) == 0) {
			*out = prefixes[i].is;
			out->hook = name + len;
			return true;
		}
	}
	return false;
}

static bool is_wanted(const struct bpf_program *program, enum hooked hooked, const struct ipc_settings *settings,
		      struct program_name *name)
{
	const struct ipc_hook *hook;

	if (!parse_name(bpf_program__name(program), name) || (!name->both && name->hooked != hooked))
		return false;
	hook = ipc_hook_find(name->hook);
	return hook && ipc_hook_wanted(hook, settings);
}

/* ---- loading -------------------------------------------------------------------------------------------------------- */

static int fail(struct ipc_ctx *ctx, int error)
{
	/* -EACCES would be the verifier's. */
	if (error == -EPERM)
		return ipc_ctx_fail(ctx, error, "watching by BPF needs CAP_BPF and CAP_PERFMON (root)");
	if (error == -ENOMEM)
		return ipc_ctx_fail(ctx, error, "out of memory");
	return ipc_ctx_fail(ctx, -ENOTSUP, "this kernel does not take the BPF programs: %s", strerror(-error));
}

static uint64_t ring_size(uint64_t wanted)
{
	uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!wanted)
		wanted = BUFFER_DEFAULT;
	while (size < wanted && size < (1u << 30))
		size *= 2;
	return size;
}

static int choose_programs(struct bpf_source *source, const struct ipc_settings *settings)
{
	struct bpf_program *program;
	struct program_name name;

	bpf_object__for_each_program(program, source->skeleton->obj)
	{
		bool wanted = is_wanted(program, source->hooked, settings, &name);

		bpf_program__set_autoload(program, wanted);
#ifdef CALL_PREFIX
		if (wanted && name.of_call && source->hooked == BY_FUNCTION) {
			char function[64];
			int r;

			snprintf(function, sizeof(function), CALL_PREFIX "%s", name.hook);
			r = bpf_program__set_attach_target(program, 0, function);
			if (r < 0)
				return r;
		}
#endif
	}
	return 0;
}

static int load(struct bpf_source *source, const struct ipc_source_want *want)
{
	uint32_t zero = 0;
	int r;

	source->skeleton = watch_bpf__open();
	if (!source->skeleton)
		return -errno;
	bpf_map__set_max_entries(source->skeleton->maps.ring, (uint32_t)ring_size(want->how->buffer));
	r = choose_programs(source, want->settings);
	if (r == 0)
		r = watch_bpf__load(source->skeleton);
	if (r == 0)
		r = bpf_map_update_elem(bpf_map__fd(source->skeleton->maps.settings), &zero, want->settings, 0) < 0
			    ? -errno
			    : 0;
	return r;
}

/* ---- attaching ------------------------------------------------------------------------------------------------------ */

/* libbpf would look for tracefs where it is usually mounted, and not find it. */
static struct bpf_link *attach_tracepoint(const struct bpf_program *program, const struct program_name *name,
					  int tracefs)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr)};
	bool enter = strncmp(bpf_program__name(program), "tp_enter_", 9) == 0;
	struct bpf_link *link;
	uint64_t id = 0;
	char event[64];
	int fd, r;

	snprintf(event, sizeof(event), "sys_%s_%s", enter ? "enter" : "exit", name->hook);
	r = ipc_tracefs_event(tracefs, "syscalls", event, &id);
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	attr.config = id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(program, fd);
	if (!link)
		close(fd);
	return link;
}

static int attach_one(struct bpf_source *source, struct bpf_program *program, const struct program_name *name,
		      int *tracefs)
{
	struct bpf_link *link;

	if (source->hooked == BY_TRACEPOINT && name->of_call) {
		if (*tracefs < 0)
			*tracefs = ipc_tracefs_open();
		if (*tracefs < 0)
			return *tracefs;
		link = attach_tracepoint(program, name, *tracefs);
		/* A call that this architecture, or kernel, does not have is made by nobody. */
		if (!link && errno == ENOENT)
			return 0;
	} else {
		link = bpf_program__attach(program);
	}
	if (!link)
		return -errno;
	source->links[source->link_count++] = link;
	return 0;
}

static int attach(struct bpf_source *source, const struct ipc_settings *settings)
{
	struct bpf_program *program;
	struct program_name name;
	int tracefs = -1, r = 0;
	size_t count = 0;

	bpf_object__for_each_program(program, source->skeleton->obj) count++;
	source->links = calloc(count, sizeof(struct bpf_link *));
	if (!source->links)
		return -ENOMEM;
	bpf_object__for_each_program(program, source->skeleton->obj)
	{
		if (is_wanted(program, source->hooked, settings, &name))
			r = attach_one(source, program, &name, &tracefs);
		if (r < 0)
			break;
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
	return source->result ? -1 : 0;
}

static int read_ring(struct ipc_source *base, ipc_raw_fn fn, void *data)
{
	struct bpf_source *source = (struct bpf_source *)base;
	int r;

	source->fn = fn;
	source->data = data;
	source->result = 0;
	r = ring_buffer__consume(source->ring);
	if (source->result)
		return source->result;
	return r < 0 ? fail(source->ctx, r) : 0;
}

static uint64_t lost(struct ipc_source *base, int64_t *since)
{
	struct bpf_source *source = (struct bpf_source *)base;

	*since = (int64_t)source->counts->lost_since;
	source->counts->lost_since = 0;
	return source->counts->lost;
}

static void source_free(struct ipc_source *base)
{
	struct bpf_source *source = (struct bpf_source *)base;
	size_t i;

	for (i = 0; i < source->link_count; i++)
		bpf_link__destroy(source->links[i]);
	free(source->links);
	ring_buffer__free(source->ring);
	if (source->counts)
		munmap((void *)source->counts, (size_t)sysconf(_SC_PAGESIZE));
	watch_bpf__destroy(source->skeleton);
	free(source);
}

static int open_ring(struct bpf_source *source)
{
	void *counts;

	source->ring = ring_buffer__new(bpf_map__fd(source->skeleton->maps.ring), take, source, NULL);
	if (!source->ring)
		return -errno;
	counts = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(source->skeleton->maps.counts), 0);
	if (counts == MAP_FAILED)
		return -errno;
	source->counts = counts;
	source->base.fd = ring_buffer__epoll_fd(source->ring);
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static int start(const struct ipc_source_want *want, enum hooked hooked, struct ipc_source **out)
{
	static const struct ipc_source_ops ops = {"bpf", read_ring, lost, source_free};
	struct bpf_source *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->base.ops = &ops;
	source->ctx = want->ctx;
	source->hooked = hooked;
	r = load(source, want);
	if (r == 0)
		r = open_ring(source);
	if (r == 0)
		r = attach(source, want->settings);
	if (r < 0) {
		source_free(&source->base);
		return r;
	}
	snprintf(source->base.method, sizeof(source->base.method), "BPF: %zu programs behind %s", source->link_count,
		 hooked == BY_FUNCTION ? "functions of the kernel" : "tracepoints");
	*out = &source->base;
	return 0;
}

int ipc_source_bpf_new(const struct ipc_source_want *want, struct ipc_source **out)
{
	enum ipc_event_source which = want->how->source;
	libbpf_print_fn_t print;
	int r = -ENOTSUP;

	if (want->ctx->captured)
		return ipc_ctx_fail(want->ctx, -ENOTSUP, "BPF watches the running kernel, not a captured tree");
	if (!ipc_proc_same_pids(want->ctx))
		return ipc_ctx_fail(want->ctx, -ENOTSUP,
				    "BPF cannot be used: /proc is of another pid namespace than the caller");
	print = libbpf_set_print(NULL);
#ifdef CALL_PREFIX
	if (which != IPC_EVENTS_TRACEPOINT)
		r = start(want, BY_FUNCTION, out);
#endif
	if (r < 0 && which != IPC_EVENTS_FENTRY)
		r = start(want, BY_TRACEPOINT, out);
	libbpf_set_print(print);
	return r < 0 ? fail(want->ctx, r) : 0;
}
