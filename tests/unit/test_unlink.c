/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories reached without trusting links of strangers, files taken away by identity, and leases that send no signal. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sources/unlink.h"
#include "tree.h"

#define STRANGER 4711

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	int dir; /* the tree's root */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tree_make(&f->tree);
	f->dir = open(f->tree.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->dir < 0 || ipc_ctx_new(&f->ctx);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->dir);
	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static ino_t inode_of(const struct fixture *f, const char *name)
{
	struct stat st;

	return fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static void make_dir(const struct fixture *f, const char *name, mode_t mode)
{
	assert_int_equal(mkdirat(f->dir, name, 0700), 0);
	assert_int_equal(fchmodat(f->dir, name, mode, 0), 0);
}

static void make_link(const struct fixture *f, const char *name, const char *target)
{
	assert_int_equal(symlinkat(target, f->dir, name), 0);
}

/* ---- ipc_open_parent --------------------------------------------------------------------------------------------- */

static char asked[8192]; /* the name that is found points into it */

static int find(struct fixture *f, const char *path, bool make, int *dir, char **name)
{
	snprintf(asked, sizeof(asked), "%s%s", f->tree.root, path);
	return ipc_open_parent(f->ctx, ipc_bytes_of(asked), make, 0751, dir, name);
}

static int find_warily(struct fixture *f, const char *path)
{
	char *name;
	int dir, r;

	snprintf(asked, sizeof(asked), "%s%s", f->tree.root, path);
	r = ipc_open_parent_warily(f->ctx, ipc_bytes_of(asked), false, 0, &dir, &name);
	if (r == 0)
		close(dir);
	return r;
}

static void assert_leads(struct fixture *f, const char *path, const char *directory, const char *last)
{
	struct stat st;
	char *name;
	int dir, r = find(f, path, false, &dir, &name);

	if (r)
		fail_msg("%s: %d: %s", path, r, ipc_ctx_error(f->ctx));
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_ino, inode_of(f, directory));
	assert_string_equal(name, last);
	close(dir);
}

static void assert_refused(struct fixture *f, const char *path, int error, const char *text)
{
	char *name = NULL;
	int dir = -1;

	assert_int_equal(find(f, path, false, &dir, &name), error);
	assert_int_equal(dir, -1);
	assert_null(name);
	if (!strstr(ipc_ctx_error(f->ctx), text))
		fail_msg("%s: \"%s\" has not \"%s\"", path, ipc_ctx_error(f->ctx), text);
}

static void test_parent_plain(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "a", 0755);
	make_dir(f, "a/b", 0755);
	tree_write(&f->tree, "a/file", "");
	assert_leads(f, "/x", ".", "x");
	assert_leads(f, "/a/b/x", "a/b", "x");
	assert_leads(f, "/a/b/../x", "a", "x");
	assert_leads(f, "/a/b/../../a/b/..x", "a/b", "..x");
	assert_refused(f, "/a/none/x", -ENOENT, ": none");
	assert_refused(f, "/a/file/x", -ENOTDIR, ": file");
	assert_refused(f, "/a/b/..", -EINVAL, "does not end in a name");
	assert_refused(f, "/a/b/", -EINVAL, "does not end in a name");
	assert_refused(f, "/no\nne/x", -ENOENT, ": no\\x0ane");
}

static void test_parent_bad_paths(void **state)
{
	struct fixture *f = *state;
	char *name = NULL;
	int dir = -1;

	assert_int_equal(ipc_open_parent(f->ctx, ipc_bytes_of("/"), false, 0, &dir, &name), -EINVAL);
	assert_int_equal(ipc_open_parent(f->ctx, ipc_bytes_of("a/b"), false, 0, &dir, &name), -EINVAL);
	assert_int_equal(ipc_open_parent(f->ctx, ipc_bytes_of(""), false, 0, &dir, &name), -EINVAL);
	assert_int_equal(ipc_open_parent(f->ctx, (struct ipc_bytes){"/a\0/b", 5}, false, 0, &dir, &name), -EINVAL);
	assert_int_equal(dir, -1);
}

static void test_parent_links(void **state)
{
	struct fixture *f = *state;
	char absolute[128];

	make_dir(f, "a", 0755);
	make_dir(f, "a/b", 0755);
	make_link(f, "relative", "a/b");
	make_link(f, "up", "a/b/..");
	make_link(f, "a/up", "..");
	make_link(f, "twice", "relative/../up");
	make_link(f, "none", "nowhere");
	snprintf(absolute, sizeof(absolute), "%s/a", f->tree.root);
	make_link(f, "absolute", absolute);
	assert_leads(f, "/relative/x", "a/b", "x");
	assert_leads(f, "/up/x", "a", "x");
	assert_leads(f, "/a/up/x", ".", "x");
	assert_leads(f, "/absolute/b/x", "a/b", "x");
	assert_refused(f, "/none/x", -ENOENT, ": nowhere");
	/* The last component is what is asked for, not what it leads to. */
	assert_leads(f, "/relative", ".", "relative");
	make_link(f, "loop", "loop");
	assert_refused(f, "/loop/x", -ELOOP, "too many symbolic links");
}

/* Where no text leads: the kernel follows these. */
static void test_parent_proc_links(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[64], *name;
	int dir;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/x", f->dir);
	assert_int_equal(ipc_open_parent(f->ctx, ipc_bytes_of(path), false, 0, &dir, &name), 0);
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_ino, inode_of(f, "."));
	close(dir);
}

static void test_parent_strangers_links(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	make_dir(f, "d", 0755);
	make_dir(f, "target", 0755);
	make_link(f, "d/link", "../target");
	assert_int_equal(fchownat(f->dir, "d/link", STRANGER, STRANGER, AT_SYMLINK_NOFOLLOW), 0);
	assert_leads(f, "/d/link/x", "target", "x");
	/* Nobody else could have put it there; but who chose the path? */
	assert_int_equal(find_warily(f, "/d/link/x"), -ELOOP);
	assert_int_equal(find_warily(f, "/d/link"), 0);
	assert_int_equal(fchmodat(f->dir, "d", 01777, 0), 0);
	assert_refused(f, "/d/link/x", -ELOOP, ": link");
	assert_int_equal(fchmodat(f->dir, "d", 0777, 0), 0);
	assert_refused(f, "/d/link/x", -ELOOP, ": link");
	assert_int_equal(fchmodat(f->dir, "d", 0775, 0), 0);
	assert_refused(f, "/d/link/x", -ELOOP, ": link");
	/* The directory's owner could do anything there. */
	assert_int_equal(fchownat(f->dir, "d", STRANGER, STRANGER, 0), 0);
	assert_leads(f, "/d/link/x", "target", "x");
	assert_int_equal(find_warily(f, "/d/link/x"), -ELOOP);
	/* A link of root there, whoever has the directory. */
	assert_int_equal(fchownat(f->dir, "d/link", 0, 0, AT_SYMLINK_NOFOLLOW), 0);
	assert_leads(f, "/d/link/x", "target", "x");
	assert_int_equal(find_warily(f, "/d/link/x"), 0);
}

static void test_parent_made(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char *name;
	int dir;
	mode_t mask = umask(0);

	assert_int_equal(find(f, "/p/q/r/x", true, &dir, &name), 0);
	umask(mask);
	close(dir);
	assert_int_equal(fstatat(f->dir, "p/q/r", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0751);
	assert_int_equal(inode_of(f, "p/q/r/x"), 0);
	tree_write(&f->tree, "file", "");
	assert_int_equal(find(f, "/file/q/x", true, &dir, &name), -ENOTDIR);
}

/* ---- ipc_unlink_same --------------------------------------------------------------------------------------------- */

static struct ipc_unlinking taking(const struct fixture *f, const char *name)
{
	return (struct ipc_unlinking){
		.ctx = f->ctx, .dir = f->dir, .name = name, .inode = inode_of(f, name), .rename = true, .data = f};
}

static int count_entries(const struct fixture *f)
{
	char command[128];
	FILE *list;
	int count = 0;

	snprintf(command, sizeof(command), "ls -A '%s'", f->tree.root);
	list = popen(command, "r");
	assert_non_null(list);
	for (int c; (c = getc(list)) != EOF;)
		count += c == '\n';
	assert_int_equal(pclose(list), 0);
	return count;
}

static void test_unlink(void **state)
{
	struct fixture *f = *state;
	struct ipc_unlinking what;
	int before = count_entries(f);

	for (int i = 0; i < 2; i++) {
		tree_write(&f->tree, "x", "");
		what = taking(f, "x");
		what.rename = i == 0;
		assert_int_equal(ipc_unlink_same(&what), 0);
		assert_int_equal(inode_of(f, "x"), 0);
		assert_int_equal(ipc_unlink_same(&what), -ENOENT);
	}
	assert_int_equal(mkfifoat(f->dir, "x", 0600), 0);
	what = taking(f, "x");
	assert_int_equal(ipc_unlink_same(&what), 0);
	make_link(f, "x", "nowhere");
	what = taking(f, "x");
	assert_int_equal(ipc_unlink_same(&what), 0);
	assert_int_equal(count_entries(f), before);
}

static bool never(int fd, const void *data)
{
	(void)fd, (void)data;
	return false;
}

static void test_unlink_another(void **state)
{
	struct fixture *f = *state;
	struct ipc_unlinking what;
	ino_t inode;

	tree_write(&f->tree, "x", "");
	inode = inode_of(f, "x");
	for (int i = 0; i < 4; i++) {
		what = taking(f, "x");
		what.rename = i & 1;
		what.same = i & 2 ? never : NULL;
		what.inode += !(i & 2);
		assert_int_equal(ipc_unlink_same(&what), -ESTALE);
		assert_int_equal(inode_of(f, "x"), inode);
	}
	/* Neither what a link leads to nor the link itself. */
	tree_write(&f->tree, "y", "");
	what = taking(f, "y");
	assert_int_equal(renameat(f->dir, "y", f->dir, "z"), 0);
	make_link(f, "y", "z");
	assert_int_equal(ipc_unlink_same(&what), -ESTALE);
	assert_int_not_equal(inode_of(f, "y"), 0);
	assert_int_not_equal(inode_of(f, "z"), 0);
	assert_int_equal(unlinkat(f->dir, "y", 0), 0);
	make_dir(f, "y", 0755);
	assert_int_equal(ipc_unlink_same(&what), -ESTALE);
	assert_int_not_equal(inode_of(f, "y"), 0);
}

static int refuse_hidden(int fd, const void *data)
{
	const struct fixture *f = data;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(inode_of(f, "x"), 0);
	return ipc_ctx_fail(f->ctx, -EBUSY, "refused");
}

static int refuse_named(int fd, const void *data)
{
	const struct fixture *f = data;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(inode_of(f, "x"), st.st_ino);
	return ipc_ctx_fail(f->ctx, -EBUSY, "refused");
}

static void test_unlink_refused(void **state)
{
	struct fixture *f = *state;
	struct ipc_unlinking what;
	int before;

	tree_write(&f->tree, "x", "");
	before = count_entries(f);
	what = taking(f, "x");
	what.last_look = refuse_hidden;
	assert_int_equal(ipc_unlink_same(&what), -EBUSY);
	assert_string_equal(ipc_ctx_error(f->ctx), "refused");
	assert_int_equal(inode_of(f, "x"), what.inode);
	what.rename = false;
	what.last_look = refuse_named;
	assert_int_equal(ipc_unlink_same(&what), -EBUSY);
	assert_int_equal(inode_of(f, "x"), what.inode);
	assert_int_equal(count_entries(f), before);
}

static int take_the_name(int fd, const void *data)
{
	const struct fixture *f = data;

	(void)fd;
	tree_write(&f->tree, "x", "another");
	return ipc_ctx_fail(f->ctx, -EBUSY, "refused");
}

static void test_unlink_name_taken(void **state)
{
	struct fixture *f = *state;
	struct ipc_unlinking what;
	const char *text;
	char name[64];

	tree_write(&f->tree, "x", "");
	what = taking(f, "x");
	what.last_look = take_the_name;
	assert_int_equal(ipc_unlink_same(&what), -EBUSY);
	text = strstr(ipc_ctx_error(f->ctx), ".ipctool-");
	assert_non_null(text);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, " "), text);
	assert_int_equal(inode_of(f, name), what.inode);
	assert_int_not_equal(inode_of(f, "x"), 0);
	assert_int_not_equal(inode_of(f, "x"), what.inode);
}

static int move_it_away(int fd, const void *data)
{
	const struct fixture *f = data;
	char command[256];

	(void)fd;
	snprintf(command, sizeof(command), "cd '%s' && mv .ipctool-* away", f->tree.root);
	assert_int_equal(system(command), 0);
	return ipc_ctx_fail(f->ctx, -EBUSY, "refused");
}

static void test_unlink_moved_away(void **state)
{
	struct fixture *f = *state;
	struct ipc_unlinking what;

	tree_write(&f->tree, "x", "");
	what = taking(f, "x");
	what.last_look = move_it_away;
	assert_int_equal(ipc_unlink_same(&what), -EBUSY);
	assert_non_null(strstr(ipc_ctx_error(f->ctx), "somebody moved it"));
	assert_int_equal(inode_of(f, "away"), what.inode);
}

static volatile sig_atomic_t signalled;

static void note_signal(int number)
{
	signalled = number;
}

static int raise_signal(int fd, const void *data)
{
	(void)fd, (void)data;
	raise(SIGTERM);
	assert_int_equal(signalled, 0);
	return 0;
}

static void test_unlink_interrupted(void **state)
{
	struct fixture *f = *state;
	struct ipc_unlinking what;
	int before = count_entries(f);

	signalled = 0;
	signal(SIGTERM, note_signal);
	tree_write(&f->tree, "x", "");
	what = taking(f, "x");
	what.last_look = raise_signal;
	assert_int_equal(ipc_unlink_same(&what), 0);
	signal(SIGTERM, SIG_DFL);
	assert_int_equal(signalled, SIGTERM);
	assert_int_equal(count_entries(f), before);
}

/* In a directory that does not let us. */
static void test_unlink_denied(void **state)
{
	struct fixture *f = *state;
	struct ipc_unlinking what;

	tree_write(&f->tree, "x", "");
	what = taking(f, "x");
	assert_int_equal(fchmod(f->dir, 0555), 0);
	if (geteuid() == 0) {
		assert_int_equal(seteuid(STRANGER), 0);
		assert_int_equal(ipc_unlink_same(&what), -EACCES);
		assert_int_equal(fchmod(f->dir, 0), -1);
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(fchmod(f->dir, 01777), 0);
		assert_int_equal(seteuid(STRANGER), 0);
		assert_int_equal(ipc_unlink_same(&what), -EPERM);
		assert_int_equal(seteuid(0), 0);
	} else {
		assert_int_equal(ipc_unlink_same(&what), -EACCES);
	}
	assert_int_equal(fchmod(f->dir, 0755), 0);
	assert_int_equal(inode_of(f, "x"), what.inode);
}

/* ---- leases ------------------------------------------------------------------------------------------------------ */

/* A file that has no name, open for reading once. */
static int open_file(void)
{
	char path[32];
	int made = memfd_create("lease", MFD_CLOEXEC), fd;

	if (made < 0)
		skip();
	assert_int_equal(ftruncate(made, 4096), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", made);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(made);
	return fd;
}

static int open_again(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static void test_lease(void **state)
{
	int fd = open_file(), other;
	void *map;

	(void)state;
	assert_false(ipc_lease_kept(fd));
	other = open_again(fd, O_RDONLY);
	assert_int_equal(ipc_lease_take(fd), -EAGAIN);
	close(other);
	other = open_again(fd, O_RDWR);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(other);
	assert_int_equal(ipc_lease_take(fd), -EAGAIN);
	assert_int_equal(munmap(map, 4096), 0);
	assert_int_equal(ipc_lease_take(fd), 0);
	assert_true(ipc_lease_kept(fd));
	close(fd);
}

/* Of a descriptor that may write, as it takes to make a file smaller. */
static void test_lease_writable(void **state)
{
	int fd = open_file(), writable = open_again(fd, O_RDWR);

	(void)state;
	assert_int_equal(ipc_lease_take(writable), -EAGAIN);
	close(fd);
	assert_int_equal(ipc_lease_take(writable), 0);
	assert_true(ipc_lease_kept(writable));
	close(writable);
}

static void test_lease_needs_owner(void **state)
{
	int fd = open_file();

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(seteuid(STRANGER), 0);
	assert_int_equal(ipc_lease_take(fd), -EACCES);
	assert_int_equal(seteuid(0), 0);
	close(fd);
}

/* What the holder of a lease sees when another process wants the file. Ends with 0, or with the line that is wrong. */
static int hold_lease(void)
{
	int fd = open_file();
	sigset_t before, after, pending;
	pid_t child;
	int status;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	if (ipc_lease_take(fd) != 0)
		return __LINE__;
	child = fork();
	if (child == 0)
		_exit(open_again(fd, O_RDWR | O_NONBLOCK) == -1 && errno == EAGAIN ? 0 : 1);
	if (waitpid(child, &status, 0) != child || status != 0 || ipc_lease_kept(fd))
		return __LINE__;
	close(fd);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	sigpending(&pending);
	for (int number = 1; number < NSIG; number++)
		if (sigismember(&pending, number) == 1 || sigismember(&before, number) != sigismember(&after, number))
			return __LINE__;
	return 0;
}

/* SIGIO ends a program that knows nothing of it, so another process looks. */
static void test_lease_signals(void **state)
{
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		int line = hold_lease();

		if (line)
			fprintf(stderr, "line %d\n", line);
		_exit(line != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parent_plain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parent_bad_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parent_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parent_proc_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parent_strangers_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parent_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlink, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlink_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlink_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlink_name_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlink_moved_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlink_interrupted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlink_denied, set_up, tear_down),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_lease_writable),
		cmocka_unit_test(test_lease_needs_owner),
		cmocka_unit_test(test_lease_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
