/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: files in memory are mapped for sharing, and unmapped as they were mapped: as a whole, by the process itself. */
#include "events/bpf/file.bpf.h"

#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_TYPE 0xf
#define MAP_SHARED 1
#define MAP_SHARED_VALIDATE 3
#define MAP_ANONYMOUS 0x20

/* What is mapped where. A process that ends leaves its own behind: the oldest go. */
struct mapping {
	__u64 address;
	__u64 tgid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct mapping);
	__type(value, struct subject);
} mappings SEC(".maps");

static __always_inline struct mapping mapping_at(__u64 address)
{
	struct mapping mapping = {address, bpf_get_current_pid_tgid() >> 32};

	return mapping;
}

ENTER(mmap, 6)
{
	struct subject what = {.verb = VERB_ATTACH};
	__u64 type = args->at[3] & MAP_TYPE;

	if ((type != MAP_SHARED && type != MAP_SHARED_VALIDATE) || args->at[3] & MAP_ANONYMOUS)
		return 0;
	if (object_of_fd((__u32)args->at[4], &what) &&
	    (what.kind == IPC_RAW_SHM_POSIX || what.kind == IPC_RAW_SHM_MEMFD))
		begin(args, &what);
	return 0;
}

EXIT(mmap)
{
	struct mapping mapping = mapping_at((__u64)ret);
	struct subject what = call->what;
	struct ipc_raw *raw;

	bpf_map_update_elem(&mappings, &mapping, &what, 0);
	raw = record(&what, VERB_ATTACH, 0);
	if (!raw)
		return;
	raw->address = (__u64)ret;
	raw->bytes = call->args[1];
	raw->fd = (__s32)call->args[4];
	raw->has = IPC_RAW_ADDRESS | IPC_RAW_SIZE | IPC_RAW_FD;
	if (call->args[2] & PROT_READ)
		raw->has |= IPC_RAW_READ;
	if (call->args[2] & PROT_WRITE)
		raw->has |= IPC_RAW_WRITE;
	submit(raw);
}

ENTER(munmap, 2)
{
	struct mapping mapping = mapping_at(args->at[0]);
	struct subject *mapped = bpf_map_lookup_elem(&mappings, &mapping), what;

	if (!mapped)
		return 0;
	what = *mapped;
	what.verb = VERB_DETACH;
	begin(args, &what);
	return 0;
}

EXIT(munmap)
{
	struct mapping mapping = mapping_at(call->args[0]);
	struct ipc_raw *raw = record(&call->what, VERB_DETACH, 0);

	(void)ret;
	bpf_map_delete_elem(&mappings, &mapping);
	if (!raw)
		return;
	raw->address = call->args[0];
	raw->has = IPC_RAW_ADDRESS;
	submit(raw);
}
