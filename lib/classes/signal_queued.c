/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which members of a queued signal's siginfo mean something, and what: by its si_code and its number, as the kernel has it. */
#include "classes/signal_queued.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NS_PER_S INT64_C(1000000000)

/* A queued signal as it is given. */
struct queued {
	uint64_t signal;
	struct ipc_bytes name;
	int64_t thread;
	struct ipc_bytes code;
	int64_t sender;
	uint64_t uid;
	int64_t value;
	uint64_t pointer;
	int64_t error;
	int64_t status;
	int64_t user_time;
	int64_t system_time;
	uint64_t address;
	int64_t timer;
	int64_t overrun;
	int64_t band;
	int64_t fd;
	int64_t syscall;
	uint64_t arch;
};

static const struct ipc_field fields[] = {
	IPC_FIELD(queued, signal, UINT, "its number"),
	IPC_FIELD(queued, name, STRING, "its name"),
	IPC_FIELD(queued, thread, INT, "the thread that it is for; null: the whole process"),
	IPC_FIELD(queued, code, STRING, "how it came about (si_code): user, queue, tkill, timer, kernel, exited ..."),
	IPC_FIELD(
		queued, sender, INT,
		"process that sent it, or the child, as the receiver numbers it; 0: from outside of its pid namespace"),
	IPC_FIELD(queued, uid, UINT, "user of that process"),
	IPC_FIELD(queued, value, INT, "value that it carries, as a number"),
	IPC_FIELD(queued, pointer, ADDRESS, "the same as a pointer"),
	IPC_FIELD(queued, error, INT, "si_errno, where it is set"),
	IPC_FIELD(queued, status, INT, "exit status of the child, or the signal that ended or stopped it"),
	IPC_FIELD(queued, user_time, DURATION, "processor time of the child"),
	IPC_FIELD(queued, system_time, DURATION, "the same in the kernel"),
	IPC_FIELD(queued, address, ADDRESS, "where a fault happened, or a system call"),
	IPC_FIELD(queued, timer, INT, "the kernel's number of the timer"),
	IPC_FIELD(queued, overrun, INT, "how often the timer ran out beyond this, so far"),
	IPC_FIELD(queued, band, INT, "events on the descriptor, as poll(2) has them"),
	IPC_FIELD(queued, fd, INT, "the descriptor"),
	IPC_FIELD(queued, syscall, INT, "number of the system call that a filter caught"),
	IPC_FIELD(queued, arch, ADDRESS, "architecture of that call"),
};

static const struct ipc_record record = {
	.name = "queued",
	.size = sizeof(struct queued),
	.fields = fields,
	.count = COUNT(fields),
};

/* ---- words for si_code ------------------------------------------------------------------------------------------- */

/* The numbers are the kernel's (asm-generic/siginfo.h); not each of them has a name in every C library. */
#define CODE_KERNEL 0x80
#define CODE_ASYNCNL (-60)

/* Of 0, -1 ...: whoever sends a signal chooses among these. */
static const char *const sent[] = {"user", "queue", "timer", "mesgq", "asyncio", "sigio", "tkill", "dethread"};

/* Of 1, 2 ...: what the kernel says with a signal of its own. NULL: not in use on Linux. */
static const char *const ill[] = {"illopc", "illopn", "illadr", "illtrp", "prvopc",
				  "prvreg", "coproc", "badstk", "badiadr"};
static const char *const fpe[] = {"intdiv", "intovf", "fltdiv", "fltovf", "fltund", "fltres", "fltinv",  "fltsub",
				  "decovf", "decdiv", "decerr", "invasc", "invdec", "fltunk", "condtrap"};
static const char *const segv[] = {"maperr", "accerr",  "bnderr",  "pkuerr",  "accadi",
				   "adierr", "adiperr", "mteaerr", "mteserr", "cperr"};
static const char *const bus[] = {"adraln", "adrerr", "objerr", "mceerr_ar", "mceerr_ao"};
static const char *const trap[] = {"brkpt", "trace", "branch", "hwbkpt", "unk", "perf"};
static const char *const child[] = {"exited", "killed", "dumped", "trapped", "stopped", "continued"};
static const char *const polled[] = {"in", "out", "msg", "err", "pri", "hup"};
static const char *const sys[] = {"seccomp", "user_dispatch"};

/* What the union in the siginfo holds. */
enum layout {
	LAYOUT_NONE,
	LAYOUT_SENDER,
	LAYOUT_VALUE,
	LAYOUT_BOTH,
	LAYOUT_TIMER,
	LAYOUT_POLL,
	LAYOUT_CHILD,
	LAYOUT_FAULT,
	LAYOUT_SYS
};

static const struct {
	int signal;
	enum layout layout;
	const char *const *words;
	int count;
} raised[] = {
	{SIGILL, LAYOUT_FAULT, ill, COUNT(ill)},     {SIGFPE, LAYOUT_FAULT, fpe, COUNT(fpe)},
	{SIGSEGV, LAYOUT_FAULT, segv, COUNT(segv)},  {SIGBUS, LAYOUT_FAULT, bus, COUNT(bus)},
	{SIGTRAP, LAYOUT_FAULT, trap, COUNT(trap)},  {SIGCHLD, LAYOUT_CHILD, child, COUNT(child)},
	{SIGIO, LAYOUT_POLL, polled, COUNT(polled)}, {SIGSYS, LAYOUT_SYS, sys, COUNT(sys)},
};

/* What is sent: kill() tells the sender, sigqueue() the value too, a library's helper thread the value alone. */
static enum layout layout_sent(int code)
{
	switch (code) {
	case SI_USER:
	case SI_TKILL:
		return LAYOUT_SENDER;
	case SI_TIMER:
		return LAYOUT_TIMER;
	case SI_SIGIO:
		return LAYOUT_POLL;
	case SI_ASYNCIO:
	case CODE_ASYNCNL:
		return LAYOUT_VALUE;
	default:
		return code < 0 ? LAYOUT_BOTH : LAYOUT_NONE;
	}
}

/* What code @code of signal @number means, and *@word for it, NULL without one; as the kernel's siginfo_layout() has it. */
static enum layout layout_of(int number, int code, const char **word)
{
	size_t i;

	*word = NULL;
	if (code == CODE_KERNEL)
		*word = "kernel";
	else if (code == CODE_ASYNCNL)
		*word = "asyncnl";
	else if (code <= 0 && code > -(int)COUNT(sent))
		*word = sent[-code];
	if (code <= 0 || code >= CODE_KERNEL)
		return layout_sent(code);
	for (i = 0; i < COUNT(raised); i++) {
		if (raised[i].signal != number || code > raised[i].count)
			continue;
		*word = raised[i].words[code - 1];
		return raised[i].layout;
	}
	/* fcntl(F_SETSIG) has any signal say so of a descriptor. */
	if (code > (int)COUNT(polled))
		return LAYOUT_NONE;
	*word = polled[code - 1];
	return LAYOUT_POLL;
}

/* ---- one signal -------------------------------------------------------------------------------------------------- */

static void decode_sender(struct queued *out, const siginfo_t *info)
{
	out->sender = info->si_pid;
	out->uid = info->si_uid;
}

static void decode_value(struct queued *out, const siginfo_t *info)
{
	out->value = info->si_value.sival_int;
	out->pointer = (uintptr_t)info->si_value.sival_ptr;
}

static int64_t from_ticks(int64_t ticks)
{
	long rate = sysconf(_SC_CLK_TCK);

	return rate > 0 && ticks >= 0 && ticks <= INT64_MAX / NS_PER_S ? ticks * NS_PER_S / rate : IPC_UNKNOWN_INT;
}

static void decode_child(struct queued *out, const siginfo_t *info)
{
	decode_sender(out, info);
	out->status = info->si_status;
	out->user_time = from_ticks(info->si_utime);
	out->system_time = from_ticks(info->si_stime);
}

static void decode_members(struct queued *out, const siginfo_t *info, enum layout layout)
{
	switch (layout) {
	case LAYOUT_NONE:
		break;
	case LAYOUT_BOTH:
		decode_sender(out, info);
		decode_value(out, info);
		break;
	case LAYOUT_SENDER:
		decode_sender(out, info);
		break;
	case LAYOUT_VALUE:
		decode_value(out, info);
		break;
	case LAYOUT_TIMER:
		out->timer = info->si_timerid;
		out->overrun = info->si_overrun;
		decode_value(out, info);
		break;
	case LAYOUT_POLL:
		out->band = info->si_band;
		out->fd = info->si_fd;
		break;
	case LAYOUT_CHILD:
		decode_child(out, info);
		break;
	case LAYOUT_FAULT:
		out->address = (uintptr_t)info->si_addr;
		break;
	case LAYOUT_SYS:
		out->address = (uintptr_t)info->si_call_addr;
		out->syscall = info->si_syscall;
		out->arch = info->si_arch;
		break;
	}
}

/* A signal as it was collected. */
struct entry {
	int64_t tid;
	bool known; /* all of info, otherwise its number alone */
	siginfo_t info;
};

/* @text has room for a number, which stands for a code without a word. */
static void decode(struct queued *out, const struct entry *entry, char text[16])
{
	const siginfo_t *info = &entry->info;
	enum layout layout;
	const char *word;

	ipc_record_init(&record, out);
	out->signal = (uint64_t)info->si_signo;
	out->name = ipc_bytes_of(ipc_signal_name(info->si_signo));
	if (entry->tid)
		out->thread = entry->tid;
	if (!entry->known)
		return;
	layout = layout_of(info->si_signo, info->si_code, &word);
	if (!word) {
		snprintf(text, 16, "%d", info->si_code);
		word = text;
	}
	out->code = ipc_bytes_of(word);
	if (info->si_errno)
		out->error = info->si_errno;
	decode_members(out, info, layout);
}

/* ---- collecting and giving --------------------------------------------------------------------------------------- */

static int append(struct ipc_queued *queued, int64_t tid, bool known, const siginfo_t *info)
{
	struct entry entry;

	memset(&entry, 0, sizeof(entry));
	entry.tid = tid;
	entry.known = known;
	entry.info = *info;
	return ipc_buf_append(&queued->entries, &entry, sizeof(entry));
}

int ipc_queued_add(struct ipc_queued *queued, int64_t tid, const siginfo_t *info)
{
	if (info->si_signo >= 1 && info->si_signo <= 64)
		queued->seen |= IPC_SIGNAL_BIT(info->si_signo);
	return append(queued, tid, true, info);
}

int ipc_queued_end(struct ipc_queued *queued, int64_t tid, uint64_t pending)
{
	uint64_t left = pending & ~queued->seen;
	int r = 0;

	queued->seen = 0;
	while (r == 0 && left) {
		siginfo_t info = {.si_signo = __builtin_ctzll(left) + 1};

		left &= left - 1;
		r = append(queued, tid, false, &info);
	}
	return r;
}

size_t ipc_queued_count(const struct ipc_queued *queued)
{
	return queued->entries.len / sizeof(struct entry);
}

int ipc_queued_give(const struct ipc_queued *queued, struct ipc_dumping *dumping)
{
	const struct entry *entries = (const struct entry *)queued->entries.data;
	size_t i, count = ipc_queued_count(queued);
	struct queued out;
	char text[16];
	int r = 0;

	for (i = 0; r == 0 && i < count; i++) {
		decode(&out, &entries[i], text);
		r = ipc_dumping_entry(dumping, i, &record, &out);
	}
	return r;
}

void ipc_queued_release(struct ipc_queued *queued)
{
	ipc_buf_release(&queued->entries);
}
