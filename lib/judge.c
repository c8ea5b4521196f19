/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Evidence that kinds share: holders, waiters, what could not be read, and whether users on record are alive. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "holders/holders.h"
#include "peek/undo.h"
#include "run.h"
#include "sources/blocked.h"
#include "sources/mounts.h"
#include "sources/processes.h"

/* A process table entry and an object's change time are rounded differently: this much later is still "before". */
#define CLOCK_SLACK 2000000000

void ipc_evidence(struct ipc_run *run, const char *format, ...)
{
	va_list args;
	char text[512];
	int n;

	if (!ipc_run_needs(run, IPC_NEED_EVIDENCE) || run->evidence_count == IPC_EVIDENCE_MAX)
		return;
	/* Many lines are always the same: they are there as long as the library is. */
	if (!strchr(format, '%')) {
		run->evidence[run->evidence_count++] = ipc_bytes_of(format);
		return;
	}
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	run->evidence[run->evidence_count++] = ipc_arena_bytes(&run->arena, text, (size_t)n);
}

/* "4711 (nginx), 4712 (nginx) and 3 more": evidence names a few, the lists name all. */
#define NAMED_IN_EVIDENCE 3

struct who {
	char text[256];
	size_t len;
};

static void who_add(struct who *who, int64_t pid, struct ipc_bytes comm)
{
	int n;

	if (pid == IPC_UNKNOWN_INT)
		n = snprintf(who->text + who->len, sizeof(who->text) - who->len,
			     "%sa process outside this /proc (%.*s)", who->len ? ", " : "", (int)comm.len,
			     comm.data ? comm.data : "");
	else
		n = snprintf(who->text + who->len, sizeof(who->text) - who->len, "%s%" PRId64 " (%.*s)",
			     who->len ? ", " : "", pid, (int)comm.len, comm.data ? comm.data : "");
	if (n > 0 && (size_t)n < sizeof(who->text) - who->len)
		who->len += (size_t)n;
	else
		who->text[who->len] = '\0';
}

static void who_more(struct who *who, size_t more)
{
	if (more)
		snprintf(who->text + who->len, sizeof(who->text) - who->len, " and %zu more", more);
}

static void evidence_of_holders(struct ipc_run *run, const struct ipc_list *list)
{
	const struct ipc_holder *holders = list->items;
	struct who who = {0};
	size_t i, processes = 0, named = 0;
	int64_t last = IPC_UNKNOWN_INT;

	if (!ipc_run_needs(run, IPC_NEED_EVIDENCE))
		return;
	/* Holders come ordered by pid: one process with many descriptors counts once. */
	for (i = 0; i < list->count; i++) {
		if (i > 0 && holders[i].pid == last && last != IPC_UNKNOWN_INT)
			continue;
		last = holders[i].pid;
		processes++;
		if (named < NAMED_IN_EVIDENCE) {
			who_add(&who, holders[i].pid, holders[i].comm);
			named++;
		}
	}
	who_more(&who, processes - named);
	ipc_evidence(run, "held by %s", who.text);
}

static void evidence_of_waiters(struct ipc_run *run, const struct ipc_list *list)
{
	const struct ipc_waiter *waiters = list->items;
	struct who who = {0};
	size_t i;

	for (i = 0; i < list->count && i < NAMED_IN_EVIDENCE; i++)
		who_add(&who, waiters[i].pid, waiters[i].comm);
	who_more(&who, list->count - i);
	ipc_evidence(run, "waited on by %s", who.text);
}

bool ipc_judge_held(struct ipc_run *run, const struct ipc_object *object)
{
	bool held = false;

	if (object->holders.items && object->holders.count) {
		evidence_of_holders(run, &object->holders);
		held = true;
	}
	if (object->waiters.items && object->waiters.count) {
		evidence_of_waiters(run, &object->waiters);
		held = true;
	}
	return held;
}

bool ipc_judge_blind(struct ipc_run *run, bool waits)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	bool blind = false;
	size_t hidden;

	/* After a later look failed, objects are joined with none. */
	if (!holders || run->no_holders) {
		ipc_evidence(run, "holders could not be read");
		return true;
	}
	hidden = ipc_run_hidden_holders(run);
	if (hidden) {
		ipc_evidence(run, "files of %zu process%s could not be read", hidden, hidden == 1 ? "" : "es");
		blind = true;
	}
	if (waits) {
		struct ipc_blocked *blocked = ipc_run_blocked(run);

		hidden = blocked ? ipc_blocked_hidden(blocked) : 0;
		if (hidden)
			ipc_evidence(run, "system calls of %zu process%s could not be read", hidden,
				     hidden == 1 ? "" : "es");
		else if (!blocked)
			ipc_evidence(run, "waiting tasks could not be read");
		blind |= !blocked || hidden;
	}
	if (!ipc_proc_initial_pidns(run->ctx)) {
		ipc_evidence(run, "processes outside this pid namespace cannot be seen");
		blind = true;
	}
	return blind;
}

/*
 * Is there no process of that number at all? /proc may hide some (hidepid); the kernel's answer to getpgid() does not.
 * A leak has thousands of objects of one dead creator, so the last answer is kept.
 */
static bool is_gone(struct ipc_run *run, int64_t pid)
{
	if (run->last_dead == pid)
		return true;
	if (!run->ctx->captured && (getpgid((pid_t)pid) >= 0 || errno != ESRCH))
		return false;
	run->last_dead = pid;
	return true;
}

static bool pids_agree(struct ipc_run *run)
{
	if (!run->pids_agree)
		run->pids_agree = ipc_proc_same_pids(run->ctx) ? 1 : -1;
	return run->pids_agree > 0;
}

/* When the file system in memory at @name, below the root, was made: under the clock of that time. */
static int64_t made_at(const struct ipc_run *run, const char *name)
{
	int fd = openat(run->ctx->root_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int64_t birth = IPC_UNKNOWN_INT;
	struct ipc_file file;
	struct statfs fs;

	if (fd < 0)
		return birth;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC && ipc_file_stat(NULL, fd, "", false, &file) == 0)
		birth = file.birth;
	close(fd);
	return birth;
}

/*
 * Start times of processes count from the boot, and move with it when the clock is set; times of objects stay. It was set when
 * the object is older than the boot, though System V objects do not survive one. And it was set when a file system of the boot
 * is older: then the object's time is of the old clock, unless that would be later than now.
 */
static bool clock_was_set(struct ipc_run *run, const struct ipc_processes *processes, int64_t changed)
{
	static const char *const of_the_boot[] = {"dev", "run"};
	int64_t boot = ipc_processes_boot(processes), made;
	size_t i;

	if (boot == IPC_UNKNOWN_INT)
		return false;
	if (changed < boot - CLOCK_SLACK)
		return true;
	for (i = 0; i < sizeof(of_the_boot) / sizeof(of_the_boot[0]) && !run->ctx->captured; i++) {
		made = made_at(run, of_the_boot[i]);
		if (made != IPC_UNKNOWN_INT && made < boot - CLOCK_SLACK && changed - made <= run->up + CLOCK_SLACK)
			return true;
	}
	return false;
}

enum ipc_alive ipc_judge_pid(struct ipc_run *run, const char *role, int64_t pid, int64_t changed)
{
	struct ipc_processes *processes;
	struct ipc_process *process = NULL;

	if (pid == IPC_UNKNOWN_INT)
		return IPC_ALIVE_UNKNOWN;
	processes = ipc_run_processes(run);
	if (pid == 0) {
		ipc_evidence(run, "%s is a process of another pid namespace", role);
		return IPC_ALIVE_UNKNOWN;
	}
	if (!pids_agree(run)) {
		ipc_evidence(run, "%s %" PRId64 " is a number of another pid namespace than this /proc", role, pid);
		return IPC_ALIVE_UNKNOWN;
	}
	if (processes && run->last_dead != pid)
		process = ipc_processes_find(processes, pid);
	if (!process) {
		if (is_gone(run, pid)) {
			ipc_evidence(run, "%s %" PRId64 " is dead", role, pid);
			return IPC_DEAD;
		}
		ipc_evidence(run, "%s %" PRId64 " exists, but /proc does not show it", role, pid);
		return IPC_ALIVE_UNKNOWN;
	}
	if (process->started != IPC_UNKNOWN_INT && changed != IPC_UNKNOWN_INT &&
	    process->started > changed + CLOCK_SLACK) {
		if (clock_was_set(run, processes, changed)) {
			ipc_evidence(run,
				     "%s %" PRId64 " exists; the clock was set since, so it may be another process",
				     role, pid);
			return IPC_ALIVE_UNKNOWN;
		}
		ipc_evidence(run, "%s %" PRId64 " is dead: its number was reused later", role, pid);
		return IPC_DEAD;
	}
	ipc_evidence(run, "%s %" PRId64 " (%.*s) is alive", role, pid, (int)process->comm.len,
		     process->comm.data ? process->comm.data : "");
	return IPC_ALIVE;
}

/* Has a process the number @pid in a pid namespace of its own? */
static enum ipc_alive judge_inner(struct ipc_run *run, int64_t pid, int64_t used)
{
	struct ipc_processes *processes = ipc_run_processes(run);
	struct ipc_process *process = NULL;
	int r = processes ? ipc_processes_find_inner(processes, pid, used, &process) : -EACCES;

	if (r > 0) {
		ipc_evidence(run,
			     "%" PRId64 " (%.*s) is alive, and is process %" PRId64 " in a pid namespace of its own",
			     process->pid, (int)process->comm.len, process->comm.data ? process->comm.data : "", pid);
		return IPC_ALIVE;
	}
	if (r < 0) {
		ipc_evidence(run,
			     "processes that cannot be seen may have the number %" PRId64
			     " in a pid namespace of their own",
			     pid);
		return IPC_ALIVE_UNKNOWN;
	}
	ipc_evidence(run, "no process has the number %" PRId64 " in another pid namespace", pid);
	return IPC_DEAD;
}

enum ipc_alive ipc_judge_named(struct ipc_run *run, int64_t pid, int64_t used)
{
	enum ipc_alive alive = ipc_judge_pid(run, "named process", pid, used);

	if (alive != IPC_DEAD)
		return alive;
	if (ipc_proc_initial_pidns(run->ctx))
		return judge_inner(run, pid, used);
	ipc_evidence(run, "processes outside this pid namespace may have the number %" PRId64, pid);
	return IPC_ALIVE_UNKNOWN;
}

/* What is to be undone may be 0 at the moment: that a process has a place for it is what tells that it uses the set. */
bool ipc_judge_undo(struct ipc_run *run, const struct ipc_object *set)
{
	struct ipc_undo *undo = ipc_run_undo(run);
	const char *missing = undo ? ipc_undo_missing(undo) : "out of memory";
	const struct ipc_undo_user *users;
	struct who who = {0};
	size_t i, count;

	if (missing) {
		ipc_evidence(run, "who has used it with SEM_UNDO and lives could not be looked at: %s", missing);
		return false;
	}
	users = ipc_undo_find(undo, set->wait.device, set->wait.inode, &count);
	for (i = 0; i < count && i < NAMED_IN_EVIDENCE; i++)
		who_add(&who, users[i].pid, users[i].comm);
	who_more(&who, count - i);
	if (count)
		ipc_evidence(run, "used with SEM_UNDO by %s", who.text);
	else
		ipc_evidence(run, "no process %sthat lives has used it with SEM_UNDO",
			     ipc_proc_initial_pidns(run->ctx) ? "" : "of this pid namespace ");
	return count;
}

enum ipc_alive ipc_judge_owner(struct ipc_run *run, const struct ipc_object *object)
{
	struct ipc_processes *processes = ipc_run_processes(run);

	/* A run that reads one process alone knows nothing of the others. */
	if (!processes || object->uid == IPC_UNKNOWN || run->one_process)
		return IPC_ALIVE_UNKNOWN;
	switch (ipc_processes_have_uid(processes, object->uid)) {
	case 0:
		if (!ipc_proc_initial_pidns(run->ctx))
			return IPC_ALIVE_UNKNOWN;
		ipc_evidence(run, "owner %" PRIu64 " has no process", object->uid);
		return IPC_DEAD;
	case 1:
		return IPC_ALIVE;
	default:
		ipc_evidence(run, "/proc hides processes, so the owner may have some");
		return IPC_ALIVE_UNKNOWN;
	}
}
