/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libbpf, loaded when the first BPF program is to run: it brings two more libraries, and most calls need none of them.
 * Included in place of its own headers; its functions are called by their names, as ever. One that is missing below is
 * missed by the linker.
 */
#ifndef IPC_SOURCES_LIBBPF_H
#define IPC_SOURCES_LIBBPF_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "context.h"

#define IPC_LIBBPF_FUNCTIONS(_)             \
	_(bpf_iter_create)                  \
	_(bpf_link__destroy)                \
	_(bpf_link__fd)                     \
	_(bpf_map__fd)                      \
	_(bpf_map__initial_value)           \
	_(bpf_map__set_max_entries)         \
	_(bpf_map_update_elem)              \
	_(bpf_obj_get_info_by_fd)           \
	_(bpf_object__destroy_skeleton)     \
	_(bpf_object__find_program_by_name) \
	_(bpf_object__load_skeleton)        \
	_(bpf_object__next_map)             \
	_(bpf_object__next_program)         \
	_(bpf_object__open_skeleton)        \
	_(bpf_prog_load)                    \
	_(bpf_program__attach)              \
	_(bpf_program__attach_iter)         \
	_(bpf_program__attach_perf_event)   \
	_(bpf_program__autoload)            \
	_(bpf_program__fd)                  \
	_(bpf_program__name)                \
	_(bpf_program__section_name)        \
	_(bpf_program__set_attach_target)   \
	_(bpf_program__set_autoload)        \
	_(bpf_program__type)                \
	_(libbpf_probe_bpf_helper)          \
	_(libbpf_set_print)                 \
	_(ring_buffer__consume)             \
	_(ring_buffer__epoll_fd)            \
	_(ring_buffer__free)                \
	_(ring_buffer__new)

/* Where they are, all of them or none. */
#define IPC_LIBBPF_MEMBER(name) __typeof__(name) *(name);
struct ipc_libbpf {
	IPC_LIBBPF_FUNCTIONS(IPC_LIBBPF_MEMBER)
};
extern struct ipc_libbpf ipc_libbpf;

/* Fill it in, once for the whole program. Returns 0, or -ENOTSUP with text. To be called before any of them. */
int ipc_libbpf_load(struct ipc_ctx *ctx);

#ifndef IPC_LIBBPF_LOADS
#define bpf_iter_create ipc_libbpf.bpf_iter_create
#define bpf_link__destroy ipc_libbpf.bpf_link__destroy
#define bpf_link__fd ipc_libbpf.bpf_link__fd
#define bpf_map__fd ipc_libbpf.bpf_map__fd
#define bpf_map__initial_value ipc_libbpf.bpf_map__initial_value
#define bpf_map__set_max_entries ipc_libbpf.bpf_map__set_max_entries
#define bpf_map_update_elem ipc_libbpf.bpf_map_update_elem
#define bpf_obj_get_info_by_fd ipc_libbpf.bpf_obj_get_info_by_fd
#define bpf_object__destroy_skeleton ipc_libbpf.bpf_object__destroy_skeleton
#define bpf_object__find_program_by_name ipc_libbpf.bpf_object__find_program_by_name
#define bpf_object__load_skeleton ipc_libbpf.bpf_object__load_skeleton
#define bpf_object__next_map ipc_libbpf.bpf_object__next_map
#define bpf_object__next_program ipc_libbpf.bpf_object__next_program
#define bpf_object__open_skeleton ipc_libbpf.bpf_object__open_skeleton
#define bpf_prog_load ipc_libbpf.bpf_prog_load
#define bpf_program__attach ipc_libbpf.bpf_program__attach
#define bpf_program__attach_iter ipc_libbpf.bpf_program__attach_iter
#define bpf_program__attach_perf_event ipc_libbpf.bpf_program__attach_perf_event
#define bpf_program__autoload ipc_libbpf.bpf_program__autoload
#define bpf_program__fd ipc_libbpf.bpf_program__fd
#define bpf_program__name ipc_libbpf.bpf_program__name
#define bpf_program__section_name ipc_libbpf.bpf_program__section_name
#define bpf_program__set_attach_target ipc_libbpf.bpf_program__set_attach_target
#define bpf_program__set_autoload ipc_libbpf.bpf_program__set_autoload
#define bpf_program__type ipc_libbpf.bpf_program__type
#define libbpf_probe_bpf_helper ipc_libbpf.libbpf_probe_bpf_helper
#define libbpf_set_print ipc_libbpf.libbpf_set_print
#define ring_buffer__consume ipc_libbpf.ring_buffer__consume
#define ring_buffer__epoll_fd ipc_libbpf.ring_buffer__epoll_fd
#define ring_buffer__free ipc_libbpf.ring_buffer__free
#define ring_buffer__new ipc_libbpf.ring_buffer__new
#endif

#endif
