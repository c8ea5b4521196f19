/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The recorder: what is to be kept of the book, and when it is written. recorder_file.c has the file. */
#include "events/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "events/recorder_file.h"
#include "evidence.h"
#include "sources/mounts.h"
#include "sources/processes_read.h"
#include "sources/umask_call.h"

#define SECOND INT64_C(1000000000)
#define SOON (SECOND / 10)        /* from what was learnt to its being written */
#define DELAY SECOND              /* at least, between two times */
#define RETRY (10 * SECOND)       /* after a failure */
#define SPARED 20                 /* making the text takes at most one part in so many of the time */
#define SLACK (2 * SECOND)        /* of whole seconds, which the kernel keeps for sets */
#define START_SLACK (SECOND / 10) /* of ticks */

struct ipc_recorder {
	struct ipc_ctx *ctx;
	struct ipc_record_file *file;
	struct ipc_learnt_origin origin;
	struct ipc_learnt_list old; /* what the file had; once joined, of what is not watched */
	int timer;                  /* fires when there is something to write, and when that is done */
	int64_t delay, written;     /* up to the next time; the last one, CLOCK_MONOTONIC, ns */
	bool knows;                 /* the source tells who does what, and when that was */
	bool learnt;                /* what is not written yet */
	bool writing;
	char trouble[400];
};

static int64_t now(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return (int64_t)at.tv_sec * SECOND + at.tv_nsec;
}

/* ---- what is learnt ------------------------------------------------------------------------------------------------ */

/* Soon, but @delay after the last time. */
static void arm(struct ipc_recorder *recorder, int64_t delay)
{
	int64_t left = recorder->written + delay - now(CLOCK_MONOTONIC), in = left > SOON ? left : SOON;
	const struct itimerspec at = {.it_value = {.tv_sec = in / SECOND, .tv_nsec = in % SECOND}};

	timerfd_settime(recorder->timer, 0, &at, NULL);
}

static void set_learnt(struct ipc_recorder *recorder)
{
	if (recorder->learnt)
		return;
	recorder->learnt = true;
	if (!recorder->writing)
		arm(recorder, recorder->delay);
}

static void set_user(struct ipc_known_user *user, const struct ipc_raw *raw, int64_t time)
{
	if (user->pid != raw->pid)
		user->ticks = 0;
	user->pid = raw->pid;
	user->uid = raw->uid;
	user->time = time;
	memcpy(user->comm, raw->comm, IPC_RAW_COMM);
	user->comm[IPC_RAW_COMM] = '\0';
}

void ipc_recorder_see(struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb,
		      struct ipc_known *known)
{
	int64_t time = (int64_t)raw->time + monitor->clock;

	if (raw->error || (!monitor->recorder->knows && verb != IPC_EVENT_REMOVE))
		return;
	switch (verb) {
	case IPC_EVENT_EXISTS: /* that was its creation, only just before the watching began */
	case IPC_EVENT_CREATE:
		set_user(&known->creator, raw, time);
		known->taker.pid = 0;
		known->changed = time;
		break;
	case IPC_EVENT_CHANGE:
		/* semop() takes by less than nothing; it is no change that the kernel has a time of. */
		if (raw->has & IPC_RAW_ADJUST && raw->number >= 0)
			return;
		if (raw->has & IPC_RAW_ADJUST)
			set_user(&known->taker, raw, time);
		else
			known->changed = time;
		break;
	case IPC_EVENT_WAKE: /* nobody waits for a POSIX semaphore but to take it */
		if (raw->kind != IPC_RAW_SEM_POSIX)
			return;
		set_user(&known->taker, raw, time);
		break;
	case IPC_EVENT_REMOVE:
		break;
	default:
		return;
	}
	set_learnt(monitor->recorder);
}

/* ---- what the file had --------------------------------------------------------------------------------------------- */

/* Where it lives is looked at: then it is in the book, or gone. */
static bool is_watched(const struct ipc_monitor *monitor, const struct ipc_learnt *learnt)
{
	bool is_set = learnt->key.space == IPC_SPACE_SEM;
	const struct ipc_ns_set *places = &monitor->query->run->places;

	return monitor->settings.verbs[is_set ? IPC_RAW_SEM_SYSV : IPC_RAW_SEM_POSIX] &&
	       (monitor->query->all_places || ipc_ns_set_find(places, is_set ? IPC_NS_IPC : IPC_NS_MNT, learnt->ns));
}

static bool is_same(const struct ipc_known *known, const struct ipc_learnt *learnt)
{
	if (learnt->key.space == IPC_SPACE_SEM)
		return known->has_sysv_key && known->sysv_key == learnt->sysv_key &&
		       known->changed >= learnt->changed - SLACK;
	return learnt->birth == IPC_UNKNOWN_INT || !known->birth || learnt->birth == known->birth;
}

int ipc_recorder_join(struct ipc_monitor *monitor, bool knows)
{
	struct ipc_recorder *recorder = monitor->recorder;
	size_t i, left = 0;

	for (i = 0; i < recorder->old.count; i++) {
		struct ipc_learnt *learnt = &recorder->old.items[i];
		struct ipc_known *known = ipc_book_find(&monitor->book, learnt->key);
		struct ipc_known_user *user;

		if (!known && !is_watched(monitor, learnt))
			recorder->old.items[left++] = *learnt;
		if (!known || !is_same(known, learnt))
			continue;
		user = learnt->role == IPC_LEARNT_CREATED ? &known->creator : &known->taker;
		user->pid = (uint32_t)learnt->pid;
		user->uid = (uint32_t)learnt->uid;
		user->time = learnt->time;
		user->ticks = learnt->ticks;
		memcpy(user->comm, learnt->comm, sizeof(user->comm));
	}
	recorder->old.count = left;
	recorder->knows = knows;
	recorder->learnt = true;
	return ipc_recorder_save(monitor);
}

/* ---- the text ------------------------------------------------------------------------------------------------------ */

struct text {
	struct ipc_monitor *monitor;
	struct ipc_buf out;
	int64_t boot; /* real time of the boot, as the clock stands now */
};

/* When the process of that number started, unless that was later: then it is another one. */
static void look_at_process(const struct text *text, struct ipc_known_user *user)
{
	int64_t tick = SECOND / sysconf(_SC_CLK_TCK);
	struct ipc_process_stat stat;

	user->ticks = IPC_UNKNOWN;
	if (ipc_process_read_stat(text->monitor->ctx, user->pid, &stat) == 0 && stat.started &&
	    text->boot + (int64_t)stat.ticks * tick <= user->time + START_SLACK)
		user->ticks = stat.ticks;
}

/*
 * A file that was made while it was watched: which one the name leads to, and its birth, as long as it does. False: which one it was is
 * not known.
 */
static bool look_at_file(const struct text *text, struct ipc_known *known, struct ipc_learnt *learnt)
{
	const struct ipc_ns *ns = ipc_ns_set_find(&text->monitor->query->run->places, IPC_NS_MNT, known->ns);
	struct ipc_bytes name = known->name;
	char path[NAME_MAX + 32];
	struct ipc_file file;

	if (known->raw != IPC_RAW_SEM_POSIX || known->birth)
		return true;
	if (!ns || !ns->own || name.len < 2 || name.len > NAME_MAX || memchr(name.data + 1, '/', name.len - 1))
		return !known->unseen;
	snprintf(path, sizeof(path), "/dev/shm/sem.%.*s", (int)name.len - 1, name.data + 1);
	/* Older kernels (before 5.18) keep no birth of files in memory. */
	if (ipc_file_stat(NULL, AT_FDCWD, path, false, &file) < 0 || !S_ISREG(file.mode) ||
	    (file.birth == IPC_UNKNOWN_INT ? file.changed : file.birth) > learnt->time + START_SLACK)
		return !known->unseen;
	if (known->unseen)
		learnt->key = (struct ipc_key){IPC_SPACE_FILE, file.device, file.inode};
	else if (known->key.device != file.device || known->key.inode != file.inode)
		return true;
	else if (file.birth != IPC_UNKNOWN_INT)
		known->birth = file.birth;
	learnt->birth = file.birth;
	return true;
}

static int print_user(struct text *text, struct ipc_known *known, struct ipc_known_user *user,
		      enum ipc_learnt_role role)
{
	struct ipc_learnt learnt = {
		.role = role,
		.key = known->key,
		.ns = known->ns,
		.sysv_key = known->sysv_key,
		.changed = known->changed ? known->changed : user->time,
		.birth = known->birth ? known->birth : IPC_UNKNOWN_INT,
		.time = user->time,
		.pid = user->pid,
		.uid = user->uid,
	};

	if (!user->pid)
		return 0;
	if (!look_at_file(text, known, &learnt))
		return 0;
	if (!user->ticks)
		look_at_process(text, user);
	learnt.ticks = user->ticks;
	memcpy(learnt.comm, user->comm, sizeof(learnt.comm));
	return ipc_learnt_print(&text->out, &learnt);
}

static int print_known(const struct ipc_known *known, void *data)
{
	struct ipc_known *mine = (struct ipc_known *)known;
	int r = 0;

	if (IPC_RECORDED_RAWS & 1u << known->raw)
		r = print_user(data, mine, &mine->creator, IPC_LEARNT_CREATED);
	if (IPC_RECORDED_RAWS & 1u << known->raw && r == 0)
		r = print_user(data, mine, &mine->taker, IPC_LEARNT_TAKEN);
	return r;
}

static int make_text(struct ipc_monitor *monitor, struct ipc_buf *out)
{
	struct ipc_recorder *recorder = monitor->recorder;
	struct text text = {.monitor = monitor, .boot = now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME)};
	int64_t begun = now(CLOCK_MONOTONIC), taken;
	size_t i;
	int r = ipc_learnt_print_head(&text.out, &recorder->origin);

	for (i = 0; r == 0 && i < recorder->old.count; i++)
		r = ipc_learnt_print(&text.out, &recorder->old.items[i]);
	if (r == 0)
		r = ipc_book_each(&monitor->book, print_known, &text);
	if (r < 0)
		ipc_buf_release(&text.out);
	else
		*out = text.out;
	taken = SPARED * (now(CLOCK_MONOTONIC) - begun);
	recorder->delay = taken > DELAY ? taken : DELAY;
	return r;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static void settle(struct ipc_recorder *recorder, int error)
{
	recorder->writing = false;
	recorder->written = now(CLOCK_MONOTONIC);
	if (error) {
		recorder->learnt = true;
		snprintf(recorder->trouble, sizeof(recorder->trouble), "%s cannot be written, and stays as it was: %s",
			 ipc_record_file_name(recorder->file), strerror(-error));
	} else {
		*recorder->trouble = '\0';
	}
	if (recorder->learnt)
		arm(recorder, error ? RETRY : recorder->delay);
}

static void begin(struct ipc_monitor *monitor)
{
	struct ipc_recorder *recorder = monitor->recorder;
	struct ipc_buf text = {0};
	int r = make_text(monitor, &text);

	recorder->learnt = false;
	recorder->writing = true;
	if (r == 0)
		r = ipc_record_file_begin(recorder->file, &text, recorder->timer);
	if (r < 0)
		settle(recorder, r);
}

void ipc_recorder_tick(struct ipc_monitor *monitor)
{
	struct ipc_recorder *recorder = monitor->recorder;
	uint64_t fired;
	int r;

	if (read(recorder->timer, &fired, sizeof(fired)) != sizeof(fired))
		return;
	if (recorder->writing && ipc_record_file_done(recorder->file, &r))
		settle(recorder, r);
	else if (!recorder->writing && recorder->learnt)
		begin(monitor);
}

int ipc_recorder_save(struct ipc_monitor *monitor)
{
	struct ipc_recorder *recorder = monitor->recorder;
	int r = 0;

	if (recorder->writing)
		settle(recorder, ipc_record_file_wait(recorder->file));
	if (!recorder->learnt)
		return 0;
	begin(monitor);
	if (recorder->writing)
		settle(recorder, r = ipc_record_file_wait(recorder->file));
	else
		r = -ENOMEM; /* for the text, or for a thread */
	return r ? ipc_ctx_fail(recorder->ctx, r, "%s", recorder->trouble) : 0;
}

const char *ipc_recorder_trouble(const struct ipc_recorder *recorder)
{
	return *recorder->trouble ? recorder->trouble : NULL;
}

int ipc_recorder_fd(const struct ipc_recorder *recorder)
{
	return recorder->timer;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

/* What another boot left is of nothing that is there now. */
static int check_origin(struct ipc_recorder *recorder, const struct ipc_learnt_origin *origin)
{
	const char *name = ipc_record_file_name(recorder->file);

	if (strcmp(origin->boot, recorder->origin.boot) != 0) {
		ipc_ctx_set_note(recorder->ctx, "%s was recorded before the system was started anew: it is begun anew",
				 name);
		recorder->old.count = 0;
		return 0;
	}
	if (origin->pid_ns != recorder->origin.pid_ns)
		return ipc_ctx_fail(recorder->ctx, -EINVAL,
				    "%s was recorded in another pid namespace, where processes have other numbers",
				    name);
	return 0;
}

static int take_over(struct ipc_recorder *recorder)
{
	const char *name = ipc_record_file_name(recorder->file);
	struct ipc_learnt_origin origin = recorder->origin;
	struct ipc_buf text = {0};
	char why[sizeof(recorder->ctx->error)];
	int r = ipc_record_file_load(recorder->file, recorder->ctx, &text);

	if (r == 0 && text.len)
		r = ipc_learnt_parse(recorder->ctx, text.data, text.len, &origin, &recorder->old);
	ipc_buf_release(&text);
	if (r == 0)
		return check_origin(recorder, &origin);
	memcpy(why, recorder->ctx->error, sizeof(why));
	return ipc_ctx_fail(recorder->ctx, r, "%s: %s", name, why);
}

int ipc_recorder_new(struct ipc_ctx *ctx, const char *path, struct ipc_recorder **out)
{
	struct ipc_recorder *recorder = calloc(1, sizeof(*recorder));
	int r = 0;

	if (!recorder)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	recorder->ctx = ctx;
	recorder->delay = DELAY;
	recorder->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (recorder->timer < 0)
		r = ipc_ctx_fail(ctx, -errno, "no timer: %s", strerror(errno));
	if (r == 0)
		r = ipc_learnt_here(ctx, &recorder->origin);
	if (r == 0)
		r = ipc_record_file_open(ctx, path, &recorder->file);
	if (r == 0)
		r = take_over(recorder);
	if (r < 0)
		ipc_recorder_free(recorder);
	else
		*out = recorder;
	return r;
}

void ipc_recorder_free(struct ipc_recorder *recorder)
{
	if (!recorder)
		return;
	if (recorder->file)
		ipc_record_file_close(recorder->file);
	if (recorder->timer >= 0)
		close(recorder->timer);
	ipc_learnt_release(&recorder->old);
	free(recorder);
}
