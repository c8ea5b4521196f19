/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signal sets as the kernel prints them, and the names of signals. */
#include "classes/signals.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <ipctool/change.h>

#include "model/bytes.h"
#include "model/units.h"

#define KERNEL_SIGNALS 64
#define KERNEL_RTMIN 32 /* libc's SIGRTMIN is higher: it keeps the first ones for its threads */

#define SIG "SIG"
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

/* Real-time signals are counted from either end, as kill -l prints them. The range has at most 32 of them. */
static const char *const from_low[] = {
	"SIGRTMIN",    "SIGRTMIN+1",  "SIGRTMIN+2",  "SIGRTMIN+3",  "SIGRTMIN+4",  "SIGRTMIN+5",
	"SIGRTMIN+6",  "SIGRTMIN+7",  "SIGRTMIN+8",  "SIGRTMIN+9",  "SIGRTMIN+10", "SIGRTMIN+11",
	"SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+16",
};
static const char *const from_high[] = {
	"SIGRTMAX",    "SIGRTMAX-1",  "SIGRTMAX-2",  "SIGRTMAX-3",  "SIGRTMAX-4",  "SIGRTMAX-5",
	"SIGRTMAX-6",  "SIGRTMAX-7",  "SIGRTMAX-8",  "SIGRTMAX-9",  "SIGRTMAX-10", "SIGRTMAX-11",
	"SIGRTMAX-12", "SIGRTMAX-13", "SIGRTMAX-14", "SIGRTMAX-15", "SIGRTMAX-16",
};
/* Those that libc keeps for itself. */
static const char *const kept[] = {"SIG32", "SIG33", "SIG34", "SIG35"};

/* Further spellings in use. */
static const struct {
	const char *name;
	int number;
} aliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

uint64_t ipc_signals_all(void)
{
	return UINT64_MAX;
}

/* With its SIG; NULL when it has none. */
static const char *name_of(int number)
{
	int low = SIGRTMIN, high = SIGRTMAX;

	if (number < 1 || number > KERNEL_SIGNALS)
		return NULL;
	if (number < KERNEL_RTMIN)
		return standard[number];
	if (number < low)
		return (size_t)(number - KERNEL_RTMIN) < COUNT(kept) ? kept[number - KERNEL_RTMIN] : NULL;
	if (number < high && number - low <= (high - low) / 2)
		return from_low[number - low];
	return number <= high ? from_high[high - number] : NULL;
}

const char *ipc_signal_name(int number)
{
	const char *name = name_of(number);

	return name ? name + strlen(SIG) : NULL;
}

/* "RTMIN+3", "RTMAX-1": any distance within the range, also from the farther end. */
static int real_time(const char *text, const char *word, int base, char sign)
{
	size_t len = strlen(word);
	int low = SIGRTMIN, high = SIGRTMAX;
	uint64_t distance = 0;

	if (strncasecmp(text, word, len) != 0)
		return -EINVAL;
	text += len;
	if (*text && (*text != sign || ipc_parse_uint(text + 1, strlen(text + 1), &distance)))
		return -EINVAL;
	if (distance > (uint64_t)(high - low))
		return -EINVAL;
	return sign == '+' ? base + (int)distance : base - (int)distance;
}

int ipc_signal_number(const char *text)
{
	const char *name = strncasecmp(text, SIG, strlen(SIG)) == 0 ? text + strlen(SIG) : text;
	uint64_t value;
	size_t i;
	int r;

	if (ipc_parse_uint(text, strlen(text), &value) == 0)
		return value <= KERNEL_SIGNALS ? (int)value : -EINVAL;
	for (i = 1; i <= KERNEL_SIGNALS; i++) {
		const char *known = ipc_signal_name((int)i);

		if (known && strcasecmp(name, known) == 0)
			return (int)i;
	}
	for (i = 0; i < COUNT(aliases); i++)
		if (strcasecmp(name, aliases[i].name) == 0)
			return aliases[i].number;
	r = real_time(name, "RTMIN", SIGRTMIN, '+');
	return r < 0 ? real_time(name, "RTMAX", SIGRTMAX, '-') : r;
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
	for (number = 1; number <= KERNEL_SIGNALS; number++) {
		const char *name = name_of(number);

		if (set & IPC_SIGNAL_BIT(number))
			names[count++] = name ? ipc_bytes_of(name) : ipc_arena_format(arena, "SIG%d", number);
	}
	return (struct ipc_list){names, count};
}
