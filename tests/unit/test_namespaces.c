/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces: files that name one, code that runs in another, and errands that it sends home. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/record.h"
#include "sources/namespaces.h"
#include "sources/procfs.h"
#include "tree.h"

static int setup(void **state)
{
	struct ipc_ctx *ctx;

	assert_int_equal(ipc_ctx_new(&ctx), 0);
	*state = ctx;
	return 0;
}

static int teardown(void **state)
{
	ipc_ctx_unref(*state);
	return 0;
}

static void test_a_link_of_proc_names_one(void **state)
{
	struct ipc_ctx *ctx = *state;
	struct ipc_ns_set set = {0};
	uint64_t inode = 0;

	assert_int_equal(ipc_proc_inode_link(ctx, &inode, "self/ns/net"), 0);
	assert_int_equal(ipc_ns_set_of(ctx, "/proc/self/ns/net", &set), 0);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.items[0].type, IPC_NS_NET);
	assert_int_equal(set.items[0].inode, inode);
	assert_true(set.items[0].own);
	ipc_ns_set_release(&set);
	assert_int_equal(ipc_ns_set_of(ctx, "/proc/self/ns/uts", &set), -EINVAL);
	assert_int_equal(ipc_ns_set_of(ctx, "/proc/self/ns/none", &set), -ENOENT);
	ipc_ns_set_release(&set);
}

/* To open a FIFO would let go whoever waits at its other end. */
static void test_a_fifo_is_not_opened(void **state)
{
	struct ipc_ns_set set = {0};
	struct tree tree;
	char path[128], event[512];
	int watch;

	tree_make(&tree);
	snprintf(path, sizeof(path), "%s/fifo", tree.root);
	assert_int_equal(mkfifo(path, 0600), 0);
	watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(watch >= 0);
	assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);
	assert_int_equal(ipc_ns_set_of(*state, path, &set), -EINVAL);
	assert_int_equal(read(watch, event, sizeof(event)), -1);
	assert_int_equal(errno, EAGAIN);
	close(watch);
	ipc_ns_set_release(&set);
	tree_remove(&tree);
}

struct journey {
	struct ipc_ctx *ctx;
	pthread_t started, away, home;
	int away_root, home_root;
};

static int at_home(void *data)
{
	struct journey *journey = data;

	journey->home = pthread_self();
	journey->home_root = journey->ctx->root_fd;
	return 7;
}

static int away(void *data)
{
	struct journey *journey = data;
	int i;

	journey->away = pthread_self();
	journey->away_root = journey->ctx->root_fd;
	for (i = 0; i < 100; i++)
		if (ipc_ns_at_home(journey->ctx, at_home, journey) != 7)
			return 1;
	return journey->ctx->root_fd == journey->away_root ? 8 : 2;
}

/* Entering the namespace that one is in already needs the same privilege as another, and moves nothing. */
static void test_errands(void **state)
{
	struct journey journey = {.ctx = *state, .started = pthread_self()};
	struct ipc_ns ns = {.type = IPC_NS_MNT, .path = (char *)"self/ns/mnt"};
	int r, root = journey.ctx->root_fd;

	assert_int_equal(ipc_proc_inode_link(journey.ctx, &ns.inode, "self/ns/mnt"), 0);
	r = ipc_ns_call(journey.ctx, &ns, away, &journey);
	if (r == -EPERM || r == -EACCES)
		skip();
	assert_int_equal(r, 8);
	assert_false(pthread_equal(journey.away, journey.started));
	assert_true(pthread_equal(journey.home, journey.started));
	assert_int_equal(journey.home_root, root);
	assert_int_not_equal(journey.away_root, root);
	assert_int_equal(journey.ctx->root_fd, root);
	assert_null(journey.ctx->away);
}

/* Two namespaces away, as in a callback of a query; what is of the own one happens at home all the same. */
static int call_own(void *data)
{
	struct journey *journey = data;
	struct ipc_ns own = {.type = IPC_NS_MNT, .own = true};

	return ipc_ns_call(journey->ctx, &own, at_home, journey);
}

static int go_further(void *data)
{
	struct journey *journey = data;
	struct ipc_ns ns = {.type = IPC_NS_NET, .path = (char *)"self/ns/net"};

	if (ipc_proc_inode_link(journey->ctx, &ns.inode, "self/ns/net"))
		return 1;
	return ipc_ns_call(journey->ctx, &ns, call_own, journey);
}

static void test_the_own_namespace_from_far_away(void **state)
{
	struct journey journey = {.ctx = *state, .started = pthread_self()};
	struct ipc_ns ns = {.type = IPC_NS_MNT, .path = (char *)"self/ns/mnt"};
	int r, root = journey.ctx->root_fd;

	assert_int_equal(ipc_proc_inode_link(journey.ctx, &ns.inode, "self/ns/mnt"), 0);
	r = ipc_ns_call(journey.ctx, &ns, go_further, &journey);
	if (r == -EPERM || r == -EACCES)
		skip();
	assert_int_equal(r, 7);
	assert_true(pthread_equal(journey.home, journey.started));
	assert_int_equal(journey.home_root, root);
	assert_null(journey.ctx->away);
}

static void test_an_errand_of_who_is_at_home(void **state)
{
	struct journey journey = {.ctx = *state};

	assert_int_equal(ipc_ns_at_home(journey.ctx, at_home, &journey), 7);
	assert_true(pthread_equal(journey.home, pthread_self()));
}

static void test_a_namespace_that_has_gone(void **state)
{
	struct ipc_ctx *ctx = *state;
	struct ipc_ns ns = {.type = IPC_NS_NET, .inode = 1, .path = (char *)"self/ns/net"};
	struct journey journey = {.ctx = ctx};

	assert_int_equal(ipc_ns_call(ctx, &ns, away, &journey), -ESTALE);
	assert_string_not_equal(ipc_ctx_error(ctx), "");
	assert_null(ctx->away);
}

struct visits {
	pthread_t threads[4];
	const struct ipc_ns *places[4];
	int errors[4];
	size_t count, most;
};

static int note_visit(const struct ipc_ns *ns, int error, void *data)
{
	struct visits *visits = data;

	visits->threads[visits->count] = pthread_self();
	visits->places[visits->count] = ns;
	visits->errors[visits->count++] = error;
	return visits->count == visits->most ? 9 : 0;
}

/* One that has gone is told of and does not keep from the next. */
static void test_many_in_turn(void **state)
{
	struct ipc_ctx *ctx = *state;
	struct ipc_ns own = {.type = IPC_NS_NET, .own = true},
		      gone = {.type = IPC_NS_NET, .path = (char *)"self/ns/net"},
		      there = {.type = IPC_NS_NET, .path = (char *)"self/ns/net"};
	const struct ipc_ns *places[] = {&own, &there, &gone, &there};
	struct visits visits = {.most = 5};
	size_t i;

	assert_int_equal(ipc_proc_inode_link(ctx, &there.inode, "self/ns/net"), 0);
	assert_int_equal(ipc_ns_call_each(ctx, places, 4, note_visit, &visits), 0);
	assert_int_equal(visits.count, 4);
	for (i = 0; i < 4; i++)
		assert_ptr_equal(visits.places[i], places[i]);
	assert_int_equal(visits.errors[0], 0);
	assert_true(pthread_equal(visits.threads[0], pthread_self()));
	assert_int_equal(visits.errors[2], -ESTALE);
	assert_null(ctx->away);
	if (visits.errors[1] == -EPERM)
		skip();
	assert_int_equal(visits.errors[1], 0);
	assert_int_equal(visits.errors[3], 0);
	/* One thread for a row of them. */
	assert_false(pthread_equal(visits.threads[1], pthread_self()));
	assert_true(pthread_equal(visits.threads[1], visits.threads[3]));
	visits = (struct visits){.most = 2};
	assert_int_equal(ipc_ns_call_each(ctx, places, 4, note_visit, &visits), 9);
	assert_int_equal(visits.count, 2);
}

static void assert_place(const struct ipc_ns_set *set, enum ipc_ns_type type, uint64_t inode, int64_t pid,
			 const char *path)
{
	const struct ipc_ns *ns = ipc_ns_set_find(set, type, inode);

	assert_non_null(ns);
	assert_int_equal(ns->pid, pid);
	assert_string_equal(ns->path, path);
}

/* By processes, by threads, by descriptors and by mounts; the descriptors may have been read by somebody else. */
static void test_all_that_proc_names(void **state)
{
	/* The first was closed by both, the second is another's by now, the last but one is a process's as well. */
	static const struct ipc_ns_kept kept[] = {{IPC_NS_NET, 900, 10, 3}, {IPC_NS_NET, 900, 11, 3},
						  {IPC_NS_NET, 901, 10, 4}, {IPC_NS_IPC, 902, 10, 5},
						  {IPC_NS_NET, 200, 10, 6}, {IPC_NS_NET, 906, 10, 8}};
	struct ipc_ns_set set = {0};
	struct tree tree;
	struct ipc_ctx *ctx;

	(void)state;
	tree_make(&tree);
	tree_link(&tree, "proc/10/ns/ipc", "ipc:[100]");
	tree_link(&tree, "proc/10/ns/net", "net:[200]");
	tree_link(&tree, "proc/10/ns/mnt", "mnt:[300]");
	tree_link(&tree, "proc/10/task/10/ns/net", "net:[200]");
	tree_link(&tree, "proc/10/task/11/ns/net", "net:[201]");
	tree_link(&tree, "proc/10/fd/4", "net:[903]");
	tree_link(&tree, "proc/10/fd/5", "ipc:[902]");
	tree_link(&tree, "proc/10/fd/6", "net:[200]");
	tree_link(&tree, "proc/10/fd/7", "uts:[904]");
	tree_link(&tree, "proc/10/task/11/fd/8", "net:[906]");
	tree_write(&tree, "proc/10/mountinfo", "30 25 0:4 net:[905] /run/netns/a rw - nsfs nsfs rw\n");
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_int_equal(ipc_ctx_set_root(ctx, tree.root), 0);
	assert_int_equal(ipc_ns_set_all(ctx, &set, NULL, 0), 0);
	assert_int_equal(set.count, 7);
	assert_place(&set, IPC_NS_NET, 200, 10, "10/ns/net");
	assert_place(&set, IPC_NS_NET, 903, IPC_UNKNOWN_INT, "10/fd/4");
	assert_place(&set, IPC_NS_IPC, 902, IPC_UNKNOWN_INT, "10/fd/5");
	assert_place(&set, IPC_NS_NET, 905, IPC_UNKNOWN_INT, "10/root/run/netns/a");
	ipc_ns_set_release(&set);
	assert_int_equal(ipc_ns_set_all(ctx, &set, kept, 6), 0);
	assert_int_equal(set.count, 7);
	assert_place(&set, IPC_NS_NET, 200, 10, "10/ns/net");
	assert_place(&set, IPC_NS_NET, 201, 10, "10/task/11/ns/net");
	assert_place(&set, IPC_NS_IPC, 902, IPC_UNKNOWN_INT, "10/fd/5");
	assert_place(&set, IPC_NS_NET, 905, IPC_UNKNOWN_INT, "10/root/run/netns/a");
	assert_place(&set, IPC_NS_NET, 906, IPC_UNKNOWN_INT, "10/task/11/fd/8");
	/* Of two nobody knows where they are. */
	assert_int_equal(set.hidden, 2);
	ipc_ns_set_release(&set);
	ipc_ctx_unref(ctx);
	tree_remove(&tree);
}

/* ---- what a descriptor alone keeps ------------------------------------------------------------------------------- */

struct keeper {
	bool own_files;   /* its descriptors are those of no other thread */
	const char *file; /* to mount the namespace on, before it is opened */
	pthread_barrier_t ready, over;
	uint64_t inode; /* of the namespace; 0: none could be made */
	pid_t tid;
	int fd;
};

/* A network namespace in which nobody is: -1 when the caller may not make one. */
static int make_namespace(struct keeper *keeper)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;
	struct stat st;

	if (home < 0 || unshare(CLONE_FS | CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || unshare(CLONE_NEWNET) < 0)
		goto out;
	if (!keeper->file) {
		fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	} else if (mount("/proc/thread-self/ns/net", keeper->file, NULL, MS_BIND, NULL) == 0) {
		fd = open(keeper->file, O_RDONLY | O_CLOEXEC);
		if (umount2(keeper->file, MNT_DETACH) < 0)
			goto out;
	}
	if (fd >= 0 && fstat(fd, &st) == 0 && setns(home, CLONE_NEWNET) == 0)
		keeper->inode = st.st_ino;
out:
	if (home >= 0)
		close(home);
	return fd;
}

static void *keep(void *data)
{
	struct keeper *keeper = data;

	keeper->tid = (pid_t)syscall(SYS_gettid);
	keeper->fd = keeper->own_files && unshare(CLONE_FILES) < 0 ? -1 : make_namespace(keeper);
	pthread_barrier_wait(&keeper->ready);
	pthread_barrier_wait(&keeper->over);
	if (keeper->fd >= 0)
		close(keeper->fd);
	return NULL;
}

static int enter_nothing(void *data)
{
	(void)data;
	return 9;
}

/* False when no such namespace could be made. */
static bool assert_kept_is_found(struct ipc_ctx *ctx, struct keeper *keeper)
{
	const struct ipc_ns *ns = NULL;
	struct ipc_ns_set set = {0};
	pthread_t thread;
	char path[64];

	pthread_barrier_init(&keeper->ready, NULL, 2);
	pthread_barrier_init(&keeper->over, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, keep, keeper), 0);
	pthread_barrier_wait(&keeper->ready);
	if (keeper->inode) {
		const struct ipc_ns_kept kept = {IPC_NS_NET, keeper->inode, getpid(), keeper->fd};

		if (keeper->own_files)
			snprintf(path, sizeof(path), "%d/task/%d/fd/%d", getpid(), keeper->tid, keeper->fd);
		else
			snprintf(path, sizeof(path), "%d/fd/%d", getpid(), keeper->fd);
		assert_int_equal(ipc_ns_set_all(ctx, &set, &kept, 1), 0);
		ns = ipc_ns_set_find(&set, IPC_NS_NET, keeper->inode);
		assert_non_null(ns);
		assert_string_equal(ns->path, path);
		assert_int_equal(ipc_ns_call(ctx, ns, enter_nothing, NULL), 9);
		ipc_ns_set_release(&set);
	}
	pthread_barrier_wait(&keeper->over);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&keeper->ready);
	pthread_barrier_destroy(&keeper->over);
	return ns;
}

static void test_one_that_a_thread_keeps(void **state)
{
	struct keeper keeper = {.own_files = true, .fd = -1};

	if (!assert_kept_is_found(*state, &keeper))
		skip();
}

static void test_one_that_was_opened_through_a_mount(void **state)
{
	struct keeper keeper = {.fd = -1};
	struct tree tree;
	char path[128];
	bool found;

	tree_make(&tree);
	tree_write(&tree, "mounted", "");
	snprintf(path, sizeof(path), "%s/mounted", tree.root);
	keeper.file = path;
	found = assert_kept_is_found(*state, &keeper);
	tree_remove(&tree);
	if (!found)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_link_of_proc_names_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_fifo_is_not_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_own_namespace_from_far_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_errand_of_who_is_at_home, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_namespace_that_has_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_in_turn, setup, teardown),
		cmocka_unit_test(test_all_that_proc_names),
		cmocka_unit_test_setup_teardown(test_one_that_a_thread_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_was_opened_through_a_mount, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
