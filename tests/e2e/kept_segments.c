/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeping the contents of a System V segment that is about to be removed takes attaching it, which overwrites the record of
 * its last user. What of that record lets a removal go on: that of this process alone, and only if nobody else used the
 * segment since it was looked at.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ipctool/dump.h>

#define SIZE 20000
#define SKIP 77

static struct ipc_ctx *ctx;
static int failures, segment = -1;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	if (segment >= 0)
		shmctl(segment, IPC_RMID, NULL);
	exit(1);
}

static void check(const char *what, bool good)
{
	if (good)
		return;
	fprintf(stderr, "not so: %s (%s)\n", what, ipc_ctx_error(ctx));
	failures++;
}

/* ---- segments ---------------------------------------------------------------------------------------------------- */

static void use(bool write)
{
	void *memory = shmat(segment, NULL, 0);

	if (memory == (void *)-1)
		_exit(1);
	if (write)
		memset(memory, 'x', SIZE);
	_exit(shmdt(memory) < 0);
}

/* Somebody else attaches it, perhaps writes to it, and detaches it again. */
static void let_use(bool write)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		use(write);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("the other user");
}

static void make(void)
{
	segment = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	if (segment < 0)
		die("shmget");
	let_use(true);
}

static struct shmid_ds look(void)
{
	struct shmid_ds ds = {0};

	if (shmctl(segment, IPC_STAT, &ds) < 0)
		ds.shm_lpid = -1;
	return ds;
}

static void take_away(void)
{
	shmctl(segment, IPC_RMID, NULL);
	segment = -1;
}

/* ---- the library ------------------------------------------------------------------------------------------------- */

static struct ipc_set *collect(void)
{
	struct ipc_query *query;
	struct ipc_set *set = NULL;
	char reference[32];

	snprintf(reference, sizeof(reference), "shm:%d", segment);
	if (ipc_query_new(ctx, &query))
		die("query");
	ipc_query_want_verb(query, IPC_VERB_DUMP);
	ipc_query_want_removal(query, IPC_FORCE_NONE);
	if (ipc_query_add(query, reference, false) || ipc_query_collect(query, &set) || ipc_set_count(set) != 1) {
		fprintf(stderr, "%s\n", ipc_ctx_error(ctx));
		die("the segment is not found");
	}
	ipc_query_free(query);
	return set;
}

static int pass(const struct ipc_piece *piece, void *data)
{
	(void)piece;
	(void)data;
	return 0;
}

static int use_meanwhile(const struct ipc_piece *piece, void *data)
{
	(void)piece;
	(void)data;
	let_use(false);
	return 0;
}

static int dump(const struct ipc_set *set, ipc_piece_fn fn, bool *torn)
{
	const struct ipc_dump_how how = {.flags = IPC_DUMP_ATTACH | IPC_DUMP_UNUSED};
	struct ipc_dump_result result;
	int r = ipc_object_dump(ctx, ipc_set_get(set, 0), &how, fn, NULL, &result);

	*torn = result.torn;
	return r;
}

static int take(const struct ipc_set *set, bool attached)
{
	const struct ipc_removal how = {.certain = true, .attached = attached};

	return ipc_object_remove(ctx, ipc_set_get(set, 0), &how);
}

/* ---- what happens when ------------------------------------------------------------------------------------------- */

static void nobody_else(void)
{
	struct ipc_set *set;
	bool torn;

	make();
	set = collect();
	check("what nobody uses is read", dump(set, pass, &torn) == 0 && !torn);
	check("it has our mark", look().shm_lpid == getpid() && look().shm_nattch == 0);
	check("who did not attach it refuses", take(set, false) == -EBUSY);
	check("who did removes it", take(set, true) == 0 && look().shm_lpid == -1);
	ipc_set_free(set);
	take_away();
}

static void never_attached(void)
{
	struct ipc_set *set;
	bool torn;

	segment = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	set = collect();
	check("what was never written is read without a mark",
	      dump(set, pass, &torn) == 0 && !torn && look().shm_atime == 0);
	check("and removed", take(set, true) == 0);
	ipc_set_free(set);
	take_away();
}

static void used_before(void)
{
	struct ipc_set *set;
	struct shmid_ds before;
	bool torn;

	make();
	set = collect();
	let_use(false);
	before = look();
	check("what was used since is not read", dump(set, pass, &torn) == -EBUSY);
	check("it has no mark", look().shm_lpid == before.shm_lpid && look().shm_lpid != getpid());
	check("it is not removed either", take(set, true) == -EBUSY && look().shm_lpid != -1);
	ipc_set_free(set);
	take_away();
}

static void used_meanwhile(void)
{
	struct ipc_set *set;
	bool torn;

	make();
	set = collect();
	check("what is used meanwhile is torn", dump(set, use_meanwhile, &torn) == 0 && torn);
	ipc_set_free(set);
	take_away();
}

static void used_after(void)
{
	struct ipc_set *set;
	bool torn;

	make();
	set = collect();
	check("it is read", dump(set, pass, &torn) == 0 && !torn);
	let_use(false);
	check("what was used after it was read is not removed", take(set, true) == -EBUSY && look().shm_lpid != -1);
	ipc_set_free(set);
	take_away();
}

static void changed_after(void)
{
	struct shmid_ds ds;
	struct ipc_set *set;
	struct timespec second = {1, 100000000};
	bool torn;

	make();
	set = collect();
	check("it is read", dump(set, pass, &torn) == 0 && !torn);
	ds = look();
	ds.shm_perm.mode = 0644;
	nanosleep(&second, NULL); /* the kernel's times have whole seconds */
	if (shmctl(segment, IPC_SET, &ds) < 0)
		die("IPC_SET");
	check("what was changed after it was read is not removed", take(set, true) == -ESTALE && look().shm_lpid != -1);
	ipc_set_free(set);
	take_away();
}

static void attached_now(void)
{
	struct ipc_set *set;
	void *memory;
	bool torn;

	make();
	set = collect();
	check("it is read", dump(set, pass, &torn) == 0 && !torn);
	memory = shmat(segment, NULL, 0);
	check("what is attached is not removed", take(set, true) == -EBUSY && look().shm_nattch == 1);
	shmdt(memory);
	ipc_set_free(set);
	take_away();
}

int main(void)
{
	if (ipc_ctx_new(&ctx))
		die("context");
	segment = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
	if (segment < 0) {
		fprintf(stderr, "skipped: no System V segments here\n");
		return SKIP;
	}
	take_away();
	nobody_else();
	never_attached();
	used_before();
	used_meanwhile();
	used_after();
	changed_after();
	attached_now();
	ipc_ctx_unref(ctx);
	return failures ? 1 : 0;
}
