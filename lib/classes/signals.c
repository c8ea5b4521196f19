/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signal sets as the kernel prints them, and the names of signals. */
#include "classes/signals.h"

#include "model/bytes.h"

#define KERNEL_SIGNALS 64
#define KERNEL_RTMIN 32 /* libc's SIGRTMIN is higher: it keeps the first ones for its threads */

#define NAME(signal) [signal] = #signal

static const char *const standard[KERNEL_RTMIN] = {
	NAME(SIGHUP),    NAME(SIGINT),   NAME(SIGQUIT), NAME(SIGILL),  NAME(SIGTRAP),
	NAME(SIGABRT),   NAME(SIGBUS),   NAME(SIGFPE),  NAME(SIGKILL), NAME(SIGUSR1),
	NAME(SIGSEGV),   NAME(SIGUSR2),  NAME(SIGPIPE), NAME(SIGALRM), NAME(SIGTERM),
#ifdef SIGSTKFLT
	NAME(SIGSTKFLT),
#endif
	NAME(SIGCHLD),   NAME(SIGCONT),  NAME(SIGSTOP), NAME(SIGTSTP), NAME(SIGTTIN),
	NAME(SIGTTOU),   NAME(SIGURG),   NAME(SIGXCPU), NAME(SIGXFSZ), NAME(SIGVTALRM),
	NAME(SIGPROF),   NAME(SIGWINCH), NAME(SIGIO),   NAME(SIGPWR),  NAME(SIGSYS),
};

uint64_t ipc_signals_all(void)
{
	return UINT64_MAX;
}

/* SIGRTMIN+N in the lower half and SIGRTMAX-N in the upper one, as kill -l prints them. */
static struct ipc_bytes name_of(struct ipc_arena *arena, int number)
{
	int low = SIGRTMIN, high = SIGRTMAX;

	if (number < KERNEL_RTMIN)
		return standard[number] ? ipc_bytes_of(standard[number]) : ipc_arena_format(arena, "SIG%d", number);
	if (number < low)
		return ipc_arena_format(arena, "SIG%d", number);
	if (number == low)
		return IPC_BYTES("SIGRTMIN");
	if (number == high)
		return IPC_BYTES("SIGRTMAX");
	if (number - low <= (high - low) / 2)
		return ipc_arena_format(arena, "SIGRTMIN+%d", number - low);
	return ipc_arena_format(arena, "SIGRTMAX-%d", high - number);
}

struct ipc_list ipc_signals_list(struct ipc_arena *arena, uint64_t set)
{
	struct ipc_bytes *names;
	size_t count = 0;
	int number;

	if (!set)
		return IPC_EMPTY_LIST;
	names = ipc_arena_alloc(arena, (size_t)__builtin_popcountll(set) * sizeof(*names));
	if (!names)
		return (struct ipc_list){0};
	for (number = 1; number <= KERNEL_SIGNALS; number++)
		if (set & IPC_SIGNAL_BIT(number))
			names[count++] = name_of(arena, number);
	return (struct ipc_list){names, count};
}
