/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of hooks: one line for each system call, or other kernel event, that a BPF family has a program for. */
#include "events/hooks.h"

#include <stddef.h>
#include <string.h>

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)
#define WAITS (BIT(WAIT) | BIT(WAKE))

#define SOCKETS(verbs)                                                                          \
	{IPC_RAW_SOCK_UNIX, (verbs)}, {IPC_RAW_SOCK_TCP, (verbs)}, {IPC_RAW_SOCK_UDP, (verbs)}, \
	{                                                                                       \
		IPC_RAW_SOCK_OTHER, (verbs)                                                     \
	}
#define PIPES(verbs)                  \
	{IPC_RAW_PIPE, (verbs)},      \
	{                             \
		IPC_RAW_FIFO, (verbs) \
	}
#define STREAMS(verbs) PIPES(verbs), SOCKETS(verbs)
/* In memory */
#define FILES(verbs)                                                \
	{IPC_RAW_SHM_POSIX, (verbs)}, {IPC_RAW_SHM_MEMFD, (verbs)}, \
	{                                                           \
		IPC_RAW_SEM_POSIX, (verbs)                          \
	}

static const struct ipc_hook hooks[] = {
	/* Waiting in any call that is watched */
	{"sched_switch",
	 {{IPC_RAW_PIPE, WAITS},
	  {IPC_RAW_FIFO, WAITS},
	  {IPC_RAW_MQ_SYSV, WAITS},
	  {IPC_RAW_MQ_POSIX, WAITS},
	  {IPC_RAW_SEM_SYSV, WAITS},
	  {IPC_RAW_SEM_POSIX, WAITS},
	  {IPC_RAW_SOCK_UNIX, WAITS},
	  {IPC_RAW_SOCK_TCP, WAITS},
	  {IPC_RAW_SOCK_UDP, WAITS},
	  {IPC_RAW_SOCK_OTHER, WAITS},
	  {IPC_RAW_SIGNAL, WAITS}}},
	{"futex", {{IPC_RAW_SEM_POSIX, WAITS}}},
	/* System V */
	{"msgget", {{IPC_RAW_MQ_SYSV, BIT(CREATE) | BIT(OPEN)}}},
	{"msgsnd", {{IPC_RAW_MQ_SYSV, BIT(SEND) | WAITS}}},
	{"msgrcv", {{IPC_RAW_MQ_SYSV, BIT(RECEIVE) | WAITS}}},
	{"msgctl", {{IPC_RAW_MQ_SYSV, BIT(CHANGE) | BIT(REMOVE)}}},
	{"freeque", {{IPC_RAW_MQ_SYSV, BIT(REMOVE)}}},
	{"semget", {{IPC_RAW_SEM_SYSV, BIT(CREATE) | BIT(OPEN)}}},
	{"semop", {{IPC_RAW_SEM_SYSV, BIT(CHANGE) | WAITS}}},
	{"semtimedop", {{IPC_RAW_SEM_SYSV, BIT(CHANGE) | WAITS}}},
	{"semctl", {{IPC_RAW_SEM_SYSV, BIT(CHANGE) | BIT(REMOVE)}}},
	{"freeary", {{IPC_RAW_SEM_SYSV, BIT(REMOVE)}}},
	{"shmget", {{IPC_RAW_SHM_SYSV, BIT(CREATE) | BIT(OPEN)}}},
	{"shmctl", {{IPC_RAW_SHM_SYSV, BIT(CHANGE) | BIT(REMOVE)}}},
	{"shmat", {{IPC_RAW_SHM_SYSV, BIT(ATTACH)}}},
	{"shmdt", {{IPC_RAW_SHM_SYSV, BIT(DETACH)}}},
	{"shm_fork", {{IPC_RAW_SHM_SYSV, BIT(ATTACH)}}},
	{"shm_open", {{IPC_RAW_SHM_SYSV, BIT(ATTACH)}}},
	{"shm_close", {{IPC_RAW_SHM_SYSV, BIT(DETACH)}}},
	{"shm_exec", {{IPC_RAW_SHM_SYSV, BIT(DETACH)}}},
	{"shm_exit", {{IPC_RAW_SHM_SYSV, BIT(DETACH)}}},
	{"shm_destroy", {{IPC_RAW_SHM_SYSV, BIT(CLOSE) | BIT(REMOVE)}}},
	/* Files */
	{"open", {FILES(BIT(CREATE) | BIT(OPEN)), {IPC_RAW_FIFO, BIT(OPEN) | WAITS}}},
	{"creat", {FILES(BIT(CREATE) | BIT(OPEN)), {IPC_RAW_FIFO, BIT(OPEN) | WAITS}}},
	{"openat", {FILES(BIT(CREATE) | BIT(OPEN)), {IPC_RAW_FIFO, BIT(OPEN) | WAITS}}},
	{"openat2", {FILES(BIT(CREATE) | BIT(OPEN)), {IPC_RAW_FIFO, BIT(OPEN) | WAITS}}},
	{"mknod", {{IPC_RAW_FIFO, BIT(CREATE)}}},
	{"mknodat", {{IPC_RAW_FIFO, BIT(CREATE)}}},
	{"unlink", {{IPC_RAW_PATH, BIT(REMOVE)}}},
	{"unlinkat", {{IPC_RAW_PATH, BIT(REMOVE)}}},
	{"rename", {{IPC_RAW_PATH, BIT(CHANGE)}}},
	{"renameat", {{IPC_RAW_PATH, BIT(CHANGE)}}},
	{"renameat2", {{IPC_RAW_PATH, BIT(CHANGE)}}},
	{"link", {{IPC_RAW_PATH, BIT(CREATE)}}},
	{"linkat", {{IPC_RAW_PATH, BIT(CREATE)}}},
	{"memfd_create", {{IPC_RAW_SHM_MEMFD, BIT(CREATE)}}},
	{"pipe", {{IPC_RAW_PIPE, BIT(CREATE)}}},
	{"pipe2", {{IPC_RAW_PIPE, BIT(CREATE)}}},
	{"ftruncate", {{IPC_RAW_SHM_POSIX, BIT(CHANGE)}, {IPC_RAW_SHM_MEMFD, BIT(CHANGE)}}},
	{"close", {SOCKETS(BIT(CLOSE)), PIPES(BIT(CLOSE)), FILES(BIT(CLOSE)), {IPC_RAW_MQ_POSIX, BIT(CLOSE)}}},
	{"dup2", {SOCKETS(BIT(CLOSE)), PIPES(BIT(CLOSE)), FILES(BIT(CLOSE)), {IPC_RAW_MQ_POSIX, BIT(CLOSE)}}},
	{"dup3", {SOCKETS(BIT(CLOSE)), PIPES(BIT(CLOSE)), FILES(BIT(CLOSE)), {IPC_RAW_MQ_POSIX, BIT(CLOSE)}}},
	{"close_range", {SOCKETS(BIT(CLOSE)), PIPES(BIT(CLOSE)), FILES(BIT(CLOSE)), {IPC_RAW_MQ_POSIX, BIT(CLOSE)}}},
	{"exit_files", {SOCKETS(BIT(CLOSE)), PIPES(BIT(CLOSE)), FILES(BIT(CLOSE)), {IPC_RAW_MQ_POSIX, BIT(CLOSE)}}},
	{"fput", {SOCKETS(BIT(CLOSE)), PIPES(BIT(CLOSE)), FILES(BIT(CLOSE)), {IPC_RAW_MQ_POSIX, BIT(CLOSE)}}},
	{"mmap", {{IPC_RAW_SHM_POSIX, BIT(ATTACH) | BIT(DETACH)}, {IPC_RAW_SHM_MEMFD, BIT(ATTACH) | BIT(DETACH)}}},
	{"munmap", {{IPC_RAW_SHM_POSIX, BIT(DETACH)}, {IPC_RAW_SHM_MEMFD, BIT(DETACH)}}},
	{"unlink_seen", {{IPC_RAW_PATH, BIT(REMOVE)}}},
	{"rename_seen", {{IPC_RAW_PATH, BIT(CHANGE)}}},
	{"link_seen", {{IPC_RAW_PATH, BIT(CREATE)}}},
	{"mknod_seen", {{IPC_RAW_FIFO, BIT(CREATE)}}},
	{"open_seen", {{IPC_RAW_FIFO, WAITS}}},
	/* POSIX queues */
	{"mq_open", {{IPC_RAW_MQ_POSIX, BIT(CREATE) | BIT(OPEN)}}},
	{"mq_unlink", {{IPC_RAW_MQ_POSIX, BIT(REMOVE)}}},
	{"mq_timedsend", {{IPC_RAW_MQ_POSIX, BIT(SEND) | WAITS}}},
	{"mq_timedreceive", {{IPC_RAW_MQ_POSIX, BIT(RECEIVE) | WAITS}}},
	/* Sockets; closing is told with files */
	{"socket", {SOCKETS(BIT(CREATE))}},
	{"socketpair", {SOCKETS(BIT(CREATE))}},
	{"bind", {SOCKETS(BIT(BIND))}},
	{"listen", {SOCKETS(BIT(LISTEN))}},
	{"connect", {SOCKETS(BIT(CONNECT) | WAITS)}},
	{"accept", {SOCKETS(BIT(ACCEPT) | WAITS)}},
	{"accept4", {SOCKETS(BIT(ACCEPT) | WAITS)}},
	{"shutdown", {SOCKETS(BIT(CHANGE))}},
	{"inet_sock_set_state", {{IPC_RAW_SOCK_TCP, BIT(CHANGE)}, {IPC_RAW_SOCK_OTHER, BIT(CHANGE)}}},
	/* Data in pipes, FIFOs and sockets */
	{"read", {STREAMS(BIT(RECEIVE) | WAITS)}},
	{"readv", {STREAMS(BIT(RECEIVE) | WAITS)}},
	{"write", {STREAMS(BIT(SEND) | WAITS)}},
	{"writev", {STREAMS(BIT(SEND) | WAITS)}},
	{"sendto", {SOCKETS(BIT(SEND) | WAITS)}},
	{"recvfrom", {SOCKETS(BIT(RECEIVE) | WAITS)}},
	{"sendmsg", {SOCKETS(BIT(SEND) | WAITS)}},
	{"recvmsg", {SOCKETS(BIT(RECEIVE) | WAITS)}},
	{"sendmmsg", {SOCKETS(BIT(SEND) | WAITS)}},
	{"recvmmsg", {SOCKETS(BIT(RECEIVE) | WAITS)}},
	{"splice", {STREAMS(BIT(SEND) | BIT(RECEIVE) | WAITS)}},
	{"tee", {PIPES(BIT(SEND) | WAITS)}},
	{"sendfile64", {STREAMS(BIT(SEND) | WAITS)}},
	{"vmsplice", {PIPES(BIT(SEND) | BIT(RECEIVE) | WAITS)}},
	/* Signals */
	{"signal_generate", {{IPC_RAW_SIGNAL, BIT(SIGNAL)}}},
	{"signal_deliver", {{IPC_RAW_SIGNAL, BIT(RECEIVE)}}},
};

/* Hooks whose programs call, or are behind, what not every kernel with a ring buffer has. */
static const struct ipc_hook_need needs[] = {
	{.name = "exit_files",
	 .without = "what is closed by the end of its process (Linux 5.17 can tell)",
	 .helper = 181 /* BPF_FUNC_loop */,
	 .tracepoints_only = true},
	{.name = "close_range",
	 .without = "what close_range(2) closes (Linux 5.17 can tell)",
	 .helper = 181,
	 .tracepoints_only = true},
	{.name = "fput", .without = "what is closed", .function = "__fput", .functions_only = true},
	{.name = "unlink_seen",
	 .without = "the removal of files that are not known to be objects",
	 .function = "security_inode_unlink",
	 .functions_only = true},
	{.name = "rename_seen",
	 .without = "new names of files that are not known to be objects",
	 .function = "security_inode_rename",
	 .functions_only = true},
	{.name = "link_seen",
	 .without = "further names of files that are not known to be objects",
	 .function = "security_inode_link",
	 .functions_only = true},
	{.name = "mknod_seen",
	 .without = "the inode of a FIFO that is gone at once",
	 .function = "security_d_instantiate",
	 .functions_only = true},
	{.name = "open_seen",
	 .without = "who waits to open a FIFO that is gone at once",
	 .function = "fifo_open",
	 .functions_only = true},
	{.name = "futex",
	 .without = "who waits for a POSIX semaphore (Linux 5.17 can tell)",
	 .helper = 180 /* BPF_FUNC_find_vma */},
	{.name = "shmdt",
	 .without = "which segment shmdt(2) detaches (Linux 5.17 can tell)",
	 .helper = 180,
	 .tracepoints_only = true},
	{.name = "shm_fork",
	 .without = "segments that a child inherits attached (Linux 6.7 can tell)",
	 .function = "bpf_iter_task_vma_new",
	 .tracepoints_only = true},
	{.name = "shm_exec",
	 .without = "segments that exec detaches (Linux 6.10 can tell)",
	 .function = "bpf_iter_task_vma_new",
	 .tracepoints_only = true},
	{.name = "shm_exit",
	 .without = "segments that a process detaches by its end (Linux 6.16 can tell)",
	 .function = "bpf_iter_task_vma_new",
	 .tracepoints_only = true},
};

const struct ipc_hook *ipc_hook_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (strcmp(hooks[i].name, name) == 0)
			return &hooks[i];
	return NULL;
}

const struct ipc_hook_need *ipc_hook_need(size_t index)
{
	return index < sizeof(needs) / sizeof(needs[0]) ? &needs[index] : NULL;
}

/* What was opened shows itself. What is yet to be opened is of interest to who waits for it, or fails. */
bool ipc_hook_entry_wanted(const struct ipc_hook *hook, const struct ipc_settings *settings)
{
	static const char *const opens[] = {"open", "creat", "openat", "openat2"};
	size_t i;

	for (i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		if (strcmp(opens[i], hook->name) == 0)
			return settings->failures || settings->verbs[IPC_RAW_FIFO] & WAITS;
	return true;
}

bool ipc_hook_wanted(const struct ipc_hook *hook, const struct ipc_settings *settings)
{
	size_t i;

	for (i = 0; i < IPC_HOOK_KINDS && hook->tells[i].kind != IPC_RAW_NONE; i++)
		if (settings->verbs[hook->tells[i].kind] & hook->tells[i].verbs)
			return true;
	return false;
}
