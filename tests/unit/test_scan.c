/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directory walk: what it finds, how deep it goes, and where it does not set foot. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "sources/scan.h"
#include "tree.h"

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_mounts *mounts;
	struct ipc_scan *scan;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tree_make(&f->tree);
	tree_write(&f->tree, "proc/self/mountinfo", "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	*state = f;
	return ipc_ctx_new(&f->ctx) || ipc_ctx_set_root(f->ctx, f->tree.root);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ipc_scan_free(f->scan);
	ipc_mounts_free(f->mounts);
	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static void dir(const struct fixture *f, const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s/%s", f->tree.root, path);
	assert_int_equal(mkdir(full, 0755), 0);
}

static void fifo(const struct fixture *f, const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s/%s", f->tree.root, path);
	assert_int_equal(mkfifo(full, 0600), 0);
}

static void sock(const struct fixture *f, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", f->tree.root, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void scan_types(struct fixture *f, enum ipc_scan_types types, const char *const *dirs, size_t count)
{
	ipc_scan_free(f->scan);
	ipc_mounts_free(f->mounts);
	f->scan = NULL;
	f->mounts = NULL;
	assert_int_equal(ipc_mounts_new(f->ctx, &f->mounts), 0);
	assert_int_equal(ipc_scan_new(f->ctx, f->mounts, dirs, count, types, &f->scan), 0);
}

static void scan(struct fixture *f, const char *path)
{
	scan_types(f, IPC_SCAN_RENDEZVOUS, &path, 1);
}

static size_t count(const struct fixture *f, uint64_t type)
{
	size_t at = 0, found = 0;

	while (ipc_scan_next(f->scan, type, &at))
		found++;
	return found;
}

static bool has(const struct fixture *f, uint64_t type, const char *path)
{
	const struct ipc_scan_entry *entry;
	size_t at = 0;

	while ((entry = ipc_scan_next(f->scan, type, &at)))
		if (strcmp(entry->path, path) == 0)
			return true;
	return false;
}

static void finds_by_type_alone(void **state)
{
	static const char *const top[] = {"/run"};
	struct fixture *f = *state;
	const struct ipc_scan_entry *entry;
	size_t at = 0;

	tree_write(&f->tree, "run/file", "x");
	tree_link(&f->tree, "run/link", "fifo");
	dir(f, "run/sub");
	fifo(f, "run/fifo");
	fifo(f, "run/sub/fifo");
	sock(f, "run/sub/sock");
	scan(f, "/run");
	assert_int_equal(count(f, S_IFIFO), 2);
	assert_int_equal(count(f, S_IFSOCK), 1);
	assert_int_equal(count(f, S_IFREG), 0);
	assert_true(has(f, S_IFIFO, "/run/fifo"));
	assert_true(has(f, S_IFIFO, "/run/sub/fifo"));
	assert_true(has(f, S_IFSOCK, "/run/sub/sock"));
	entry = ipc_scan_next(f->scan, S_IFSOCK, &at);
	assert_ptr_equal(ipc_scan_find(f->scan, entry->file.device, entry->file.inode), entry);
	assert_null(ipc_scan_find(f->scan, entry->file.device + 1, entry->file.inode));

	scan_types(f, IPC_SCAN_REGULAR, top, 1);
	assert_int_equal(count(f, S_IFREG), 1);
	assert_int_equal(count(f, S_IFIFO), 0);
	assert_true(has(f, S_IFREG, "/run/file"));
	/* Nobody asks for the others. */
	scan_types(f, IPC_SCAN_FIFOS, top, 1);
	assert_int_equal(count(f, S_IFIFO), 2);
	assert_int_equal(count(f, S_IFSOCK), 0);
	scan_types(f, IPC_SCAN_SOCKETS, top, 1);
	assert_int_equal(count(f, S_IFIFO), 0);
	assert_int_equal(count(f, S_IFSOCK), 1);
}

static void names_may_be_anything(void **state)
{
	static const char *const names[] = {"a\nb", "\x1b[31m", "\xff\xfe", "\"q\\", " ", "...", "\t"};
	struct fixture *f = *state;
	char longest[256], path[600];

	memset(longest, 'l', 255);
	longest[255] = '\0';
	dir(f, "run");
	snprintf(path, sizeof(path), "run/%s", longest);
	dir(f, path);
	snprintf(path, sizeof(path), "run/%s/%s", longest, longest);
	fifo(f, path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "run/%s", names[i]);
		fifo(f, path);
	}
	scan(f, "/run");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/run/%s", names[i]);
		assert_true(has(f, S_IFIFO, path));
	}
	snprintf(path, sizeof(path), "/run/%s/%s", longest, longest);
	assert_true(has(f, S_IFIFO, path));
	assert_int_equal(count(f, S_IFIFO), 8);
}

static void many_entries(void **state)
{
	struct fixture *f = *state;
	char path[64];

	dir(f, "run");
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "run/fifo-with-a-rather-long-name-%d", i);
		fifo(f, path);
	}
	scan(f, "/run");
	assert_int_equal(count(f, S_IFIFO), 3000);
}

static void mounts_of_others_are_not_touched(void **state)
{
	struct fixture *f = *state;

	tree_write(&f->tree, "proc/self/mountinfo",
		   "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		   "26 25 0:30 / /run rw - tmpfs t rw\n"
		   "27 26 0:31 / /run/nfs rw - nfs4 server:/ rw\n"
		   "28 26 0:32 / /run/auto rw - autofs x rw\n"
		   "29 26 0:33 / /run/proc rw - proc proc rw\n"
		   "30 26 0:34 / /run/over rw - nfs4 server:/ rw\n"
		   "31 30 0:35 / /run/over rw - tmpfs t rw\n"
		   "32 26 0:36 / /run/with\\040space rw - fuse.sshfs s rw\n");
	dir(f, "run");
	for (size_t i = 0; i < 5; i++) {
		static const char *const dirs[] = {"run/nfs", "run/auto", "run/proc", "run/over", "run/with space"};
		char path[64];

		dir(f, dirs[i]);
		snprintf(path, sizeof(path), "%s/fifo", dirs[i]);
		fifo(f, path);
	}
	tree_link(&f->tree, "run/link", "nfs");
	scan(f, "/run");
	assert_int_equal(count(f, S_IFIFO), 1);
	assert_true(has(f, S_IFIFO, "/run/over/fifo"));
	assert_int_equal(ipc_scan_trouble(f->scan)->foreign, 3);
	assert_non_null(ipc_scan_trouble(f->scan)->first_foreign);
	/* Neither as the place to begin, nor by a link to it, nor by a way through it. */
	scan(f, "/run/nfs");
	assert_int_equal(count(f, S_IFIFO), 0);
	assert_string_equal(ipc_scan_trouble(f->scan)->first_foreign, "/run/nfs");
	scan(f, "/run/link/sub");
	assert_int_equal(ipc_scan_trouble(f->scan)->foreign, 1);
	scan(f, "/run/nfs/../over");
	assert_int_equal(ipc_scan_trouble(f->scan)->foreign, 1);
	scan(f, "/run/proc");
	assert_int_equal(count(f, S_IFIFO), 0);
	assert_int_equal(ipc_scan_trouble(f->scan)->foreign, 0);
}

static void links_lead_only_to_where_it_begins(void **state)
{
	static const char *const dirs[] = {"/var/run", "/run", "/run/sub", "/run/", "/var/../var/run/./sub"};
	struct fixture *f = *state;

	dir(f, "run");
	dir(f, "run/sub");
	dir(f, "elsewhere");
	fifo(f, "run/sub/fifo");
	fifo(f, "elsewhere/fifo");
	tree_link(&f->tree, "run/link", "../elsewhere");
	tree_link(&f->tree, "var/run", "/run");
	tree_link(&f->tree, "var/up", "../../../run/sub");
	tree_link(&f->tree, "var/loop", "loop/x");
	scan_types(f, IPC_SCAN_RENDEZVOUS, dirs, sizeof(dirs) / sizeof(dirs[0]));
	assert_int_equal(count(f, S_IFIFO), 1);
	assert_true(has(f, S_IFIFO, "/run/sub/fifo"));
	/* ".." does not lead out of the tree. */
	scan(f, "/var/up");
	assert_true(has(f, S_IFIFO, "/run/sub/fifo"));
	scan(f, "/var/loop");
	assert_int_equal(count(f, S_IFIFO), 0);
	scan(f, "/");
	assert_int_equal(count(f, S_IFIFO), 2);
	assert_true(has(f, S_IFIFO, "/elsewhere/fifo"));
}

static void missing_ones_are_no_trouble(void **state)
{
	static const char *const dirs[] = {"/none", "/run/none/deeper", "/run/file", "/run/fifo"};
	struct fixture *f = *state;

	tree_write(&f->tree, "run/file", "x");
	fifo(f, "run/fifo");
	scan_types(f, IPC_SCAN_RENDEZVOUS, dirs, 4);
	assert_int_equal(count(f, S_IFIFO), 0);
	assert_int_equal(ipc_scan_trouble(f->scan)->denied, 0);
	assert_int_equal(ipc_scan_trouble(f->scan)->failed, 0);
}

static void hard_links_are_one(void **state)
{
	struct fixture *f = *state;
	char from[128], to[128];

	dir(f, "run");
	fifo(f, "run/a");
	snprintf(from, sizeof(from), "%s/run/a", f->tree.root);
	snprintf(to, sizeof(to), "%s/run/b", f->tree.root);
	assert_int_equal(link(from, to), 0);
	scan(f, "/run");
	assert_int_equal(count(f, S_IFIFO), 1);
}

static void closed_directories_are_counted(void **state)
{
	struct fixture *f = *state;
	char path[128];

	dir(f, "run");
	dir(f, "run/closed");
	fifo(f, "run/closed/fifo");
	fifo(f, "run/fifo");
	snprintf(path, sizeof(path), "%s/run/closed", f->tree.root);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(chmod(f->tree.root, 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	scan(f, "/run");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	chmod(path, 0700);
	assert_int_equal(count(f, S_IFIFO), 1);
	assert_int_equal(ipc_scan_trouble(f->scan)->denied, 1);
	assert_string_equal(ipc_scan_trouble(f->scan)->first_denied, "/run/closed");
}

#define DEPTH 60

/*
 * Sixty levels of names of 250 bytes, at each a FIFO and a second directory with one: longer than any path may be,
 * and deeper than the descriptors that are left.
 */
static void deep_trees(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, few;
	int fds[DEPTH + 1], probe;
	char name[251];
	size_t at = 0, longest = 0;
	const struct ipc_scan_entry *entry;

	memset(name, 'd', 250);
	name[250] = '\0';
	fds[0] = open(f->tree.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdirat(fds[i], name, 0755), 0);
		assert_int_equal(mkdirat(fds[i], "a", 0755), 0);
		assert_int_equal(mkdirat(fds[i], "z", 0755), 0);
		assert_int_equal(mkfifoat(fds[i], "fifo", 0600), 0);
		assert_int_equal(mkfifoat(fds[i], "a/fifo", 0600), 0);
		assert_int_equal(mkfifoat(fds[i], "z/fifo", 0600), 0);
		fds[i + 1] = openat(fds[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(fds[i + 1] >= 0);
	}
	probe = dup(0);
	close(probe);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = (rlim_t)probe + 20;
	setrlimit(RLIMIT_NOFILE, &few);
	scan(f, "/");
	setrlimit(RLIMIT_NOFILE, &old);
	for (int i = DEPTH - 1; i >= 0; i--) {
		close(fds[i + 1]);
		unlinkat(fds[i], "fifo", 0);
		unlinkat(fds[i], "a/fifo", 0);
		unlinkat(fds[i], "z/fifo", 0);
		unlinkat(fds[i], "a", AT_REMOVEDIR);
		unlinkat(fds[i], "z", AT_REMOVEDIR);
		unlinkat(fds[i], name, AT_REMOVEDIR);
	}
	close(fds[0]);
	assert_int_equal(ipc_scan_trouble(f->scan)->failed, 0);
	assert_int_equal(count(f, S_IFIFO), 3 * DEPTH);
	while ((entry = ipc_scan_next(f->scan, S_IFIFO, &at)))
		longest = strlen(entry->path) > longest ? strlen(entry->path) : longest;
	assert_int_equal(longest, (DEPTH - 1) * 251 + strlen("/a/fifo"));
}

/* On the live system: by absolute paths, with the table of the mounts there are. */
static void live(void **state)
{
	struct fixture *f = *state;
	char path[128];

	assert_int_equal(ipc_ctx_set_root(f->ctx, "/"), 0);
	dir(f, "sub");
	fifo(f, "sub/fifo");
	scan(f, f->tree.root);
	snprintf(path, sizeof(path), "%s/sub/fifo", f->tree.root);
	assert_int_equal(count(f, S_IFIFO), 1);
	assert_true(has(f, S_IFIFO, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_by_type_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_may_be_anything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mounts_of_others_are_not_touched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links_lead_only_to_where_it_begins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_ones_are_no_trouble, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hard_links_are_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closed_directories_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deep_trees, set_up, tear_down),
		cmocka_unit_test_setup_teardown(live, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
