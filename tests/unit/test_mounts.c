/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mount table: escapes, stacked and hidden mounts, what may hang, and the device that a file is really on. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/record.h"
#include "sources/mounts.h"
#include "tree.h"

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_mounts *mounts;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tree_make(&f->tree);
	*state = f;
	return ipc_ctx_new(&f->ctx) || ipc_ctx_set_root(f->ctx, f->tree.root);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ipc_mounts_free(f->mounts);
	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static void table(struct fixture *f, const char *mountinfo)
{
	ipc_mounts_free(f->mounts);
	f->mounts = NULL;
	tree_write(&f->tree, "proc/self/mountinfo", mountinfo);
	assert_int_equal(ipc_mounts_new(f->ctx, &f->mounts), 0);
}

static void assert_on(struct fixture *f, const char *path, uint64_t id)
{
	const struct ipc_mount *mount = ipc_mounts_of_path(f->mounts, path);

	assert_non_null(mount);
	assert_int_equal(mount->id, id);
}

static void lines_and_escapes(void **state)
{
	struct fixture *f = *state;
	const struct ipc_mount *mount;

	table(f, "25 1 254:1 / / rw,relatime - ext4 /dev/vda rw\n"
		 "30 25 0:40 /a\\134b /mnt/with\\040space\\011tab\\012line\\134040 "
		 "rw shared:1 master:2 propagate_from:3 unbindable - tmpfs t rw\n"
		 "31 25 0:4 ipc:[4026532000] /run/ns/i rw - nsfs nsfs rw\n"
		 "\n"
		 "garbage\n"
		 "32 25 1 / /mnt/x rw - tmpfs t rw\n"
		 "33 25 0:41 / /mnt/y rw shared:1 tmpfs t rw\n"
		 "34 25 0:42 / /mnt/z rw -\n"
		 "35 25 0:43 / /mnt/last rw - tmpfs t rw");
	assert_int_equal(ipc_mounts_count(f->mounts), 4);
	assert_false(ipc_mounts_live(f->mounts));
	mount = ipc_mounts_find(f->mounts, 30);
	assert_non_null(mount);
	assert_string_equal(mount->path, "/mnt/with space\ttab\nline\\040");
	assert_string_equal(mount->root, "/a\\b");
	assert_string_equal(mount->type, "tmpfs");
	assert_true(mount->device == makedev(0, 40));
	assert_on(f, "/mnt/with space\ttab\nline\\040/x", 30);
	assert_string_equal(ipc_mounts_find(f->mounts, 31)->root, "ipc:[4026532000]");
	assert_on(f, "/mnt/last", 35);
	assert_null(ipc_mounts_find(f->mounts, 33));
	assert_null(ipc_mounts_find(f->mounts, 0));
	assert_null(ipc_mounts_get(f->mounts, 4));
}

static void paths_end_at_a_slash(void **state)
{
	struct fixture *f = *state;

	table(f, "25 1 254:1 / / rw - ext4 /dev/vda rw\n"
		 "26 25 0:40 / /run rw - tmpfs t rw\n"
		 "27 26 0:41 / /run/user/1000 rw - tmpfs t rw\n");
	assert_on(f, "/", 25);
	assert_on(f, "/runner/x", 25);
	assert_on(f, "/run", 26);
	assert_on(f, "/run/", 26);
	assert_on(f, "/run/user", 26);
	assert_on(f, "/run/user/10000", 26);
	assert_on(f, "/run/user/1000/bus", 27);
	assert_int_equal(ipc_mounts_enter(f->mounts, ipc_mounts_find(f->mounts, 26), "/run/user/1000")->id, 27);
	assert_int_equal(ipc_mounts_enter(f->mounts, ipc_mounts_find(f->mounts, 26), "/run/user")->id, 26);
}

static void the_topmost_counts_in_any_order(void **state)
{
	static const char *const lines[] = {"26 25 0:40 / /m rw - tmpfs t rw\n", "27 26 0:41 / /m rw - nfs4 s:/ rw\n",
					    "28 27 0:42 / /m rw - tmpfs t rw\n"};
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct fixture *f = *state;
	char text[512];

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		snprintf(text, sizeof(text), "25 1 254:1 / / rw - ext4 /dev/vda rw\n%s%s%s", lines[orders[i][0]],
			 lines[orders[i][1]], lines[orders[i][2]]);
		table(f, text);
		assert_on(f, "/m/x", 28);
	}
}

/* A mount over /a hides the one at /a/b, although that one's path is the longer prefix. */
static void hidden_mounts_do_not_count(void **state)
{
	struct fixture *f = *state;

	table(f, "25 1 254:1 / / rw - ext4 /dev/vda rw\n"
		 "26 25 0:40 / /a/b rw - nfs s:/ rw\n"
		 "27 25 0:41 / /a rw - tmpfs t rw\n");
	assert_on(f, "/a/b/c", 27);
}

/* In a chroot the mount of the root directory itself may be missing, and so may every parent. */
static void without_a_root(void **state)
{
	struct fixture *f = *state;

	table(f, "30 25 0:40 / /dev/shm rw - tmpfs t rw\n31 30 0:41 / /dev/shm/x rw - tmpfs t rw\n");
	assert_null(ipc_mounts_of_path(f->mounts, "/tmp"));
	assert_on(f, "/dev/shm/y", 30);
	assert_on(f, "/dev/shm/x/y", 31);
	/* Mounts that claim to stand on themselves or on each other lead nowhere, but they end. */
	table(f, "30 30 0:40 / / rw - tmpfs t rw\n31 32 0:41 / / rw - tmpfs t rw\n32 31 0:41 / / rw - tmpfs t rw\n");
	assert_on(f, "/x", 30);
	table(f, "");
	assert_null(ipc_mounts_of_path(f->mounts, "/"));
}

static void what_may_hang_is_not_local(void **state)
{
	static const struct {
		const char *device, *type;
		bool local, bare;
	} cases[] = {
		{"254:1", "ext4", true, false},       {"7:0", "squashfs", true, false},
		{"8:1", "some-new-fs", true, false},  {"0:30", "tmpfs", true, false},
		{"0:31", "btrfs", true, false},       {"0:32", "overlay", true, false},
		{"0:33", "proc", true, true},         {"0:34", "cgroup2", true, true},
		{"0:35", "mqueue", true, true},       {"0:36", "nfs", false, false},
		{"0:37", "nfs4", false, false},       {"0:38", "cifs", false, false},
		{"0:39", "fuse.sshfs", false, false}, {"0:40", "fuse", false, false},
		{"8:2", "fuseblk", false, false},     {"0:41", "autofs", false, false},
		{"0:42", "9p", false, false},         {"8:3", "gfs2", false, false},
		{"0:43", "ceph", false, false},       {"0:44", "some-new-fs", false, false},
	};
	struct fixture *f = *state;
	char line[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "25 1 %s / / rw - %s x rw\n", cases[i].device, cases[i].type);
		table(f, line);
		assert_int_equal(ipc_mounts_get(f->mounts, 0)->local, cases[i].local);
		assert_int_equal(ipc_mounts_get(f->mounts, 0)->bare, cases[i].bare);
	}
}

/* Subvolumes are mounts of one superblock: the table has one device, which is not the one that stat() shows. */
static void btrfs_subvolumes(void **state)
{
	struct fixture *f = *state;

	table(f, "25 1 0:44 /@ / rw - btrfs /dev/vda2 rw,subvol=/@\n"
		 "26 25 0:44 /@run /run rw - btrfs /dev/vda2 rw,subvol=/@run\n");
	assert_true(ipc_mounts_of_path(f->mounts, "/run/x")->device == makedev(0, 44));
	assert_non_null(ipc_mounts_of_device(f->mounts, makedev(0, 44)));
	assert_null(ipc_mounts_of_device(f->mounts, makedev(0, 45)));
}

static void the_first_of_a_device_counts(void **state)
{
	struct fixture *f = *state;

	table(f, "25 1 0:44 / / rw - btrfs /dev/vda2 rw\n"
		 "26 25 0:45 / /a rw - tmpfs t rw\n"
		 "27 25 0:46 / /b rw - tmpfs t rw\n"
		 "28 25 0:45 / /c rw - tmpfs t rw\n");
	assert_int_equal(ipc_mounts_of_device(f->mounts, makedev(0, 44))->id, 25);
	assert_int_equal(ipc_mounts_of_device(f->mounts, makedev(0, 45))->id, 26);
	assert_int_equal(ipc_mounts_of_device(f->mounts, makedev(0, 46))->id, 27);
}

/* Ids in a captured table are of another machine: a file that is looked at here is never matched with them. */
static void captured_ids_prove_nothing(void **state)
{
	struct fixture *f = *state;
	char text[131072] = "";
	struct ipc_file file;
	size_t len = 0;

	for (int id = 1; id < 1500; id++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d 0 0:9999 / /m%d rw - tmpfs t rw\n", id, id);
	table(f, text);
	assert_int_equal(ipc_mounts_count(f->mounts), 1499);
	for (uint64_t id = 1; id < 1500; id++)
		assert_int_equal(ipc_mounts_find(f->mounts, id)->id, id);
	assert_int_equal(ipc_file_stat(f->mounts, AT_FDCWD, f->tree.root, false, &file), 0);
	assert_null(file.mount);
	assert_false(file.device_proven);
}

static void captured_table_of_init(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ipc_mounts_new(f->ctx, &f->mounts), -ENOENT);
	tree_write(&f->tree, "proc/1/mountinfo", "25 1 0:30 / / rw - tmpfs t rw\n");
	assert_int_equal(ipc_mounts_new(f->ctx, &f->mounts), 0);
	assert_int_equal(ipc_mounts_count(f->mounts), 1);
	ipc_mounts_free(f->mounts);
	f->mounts = NULL;
	tree_write(&f->tree, "proc/77/mountinfo", "25 1 0:30 / / rw - tmpfs t rw\n26 25 0:31 / /x rw - tmpfs t rw\n");
	assert_int_equal(ipc_mounts_new_of(f->ctx, 77, &f->mounts), 0);
	assert_int_equal(ipc_mounts_count(f->mounts), 2);
}

static void file_stat(void **state)
{
	struct fixture *f = *state;
	struct ipc_mounts *live;
	struct ipc_file file;
	struct ipc_ctx *ctx;
	char path[128];
	struct stat st;
	int fd;

	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_int_equal(ipc_mounts_new(ctx, &live), 0);
	assert_true(ipc_mounts_live(live));
	tree_write(&f->tree, "proc/file", "12345");
	tree_link(&f->tree, "proc/link", "file");
	snprintf(path, sizeof(path), "%s/proc/file", f->tree.root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(ipc_file_stat(live, AT_FDCWD, path, false, &file), 0);
	assert_int_equal(file.inode, st.st_ino);
	assert_int_equal(file.mode, st.st_mode);
	assert_int_equal(file.size, 5);
	assert_int_equal(file.links, 1);
	assert_int_equal(file.blocks, st.st_blocks);
	assert_true(file.changed == st.st_ctim.tv_sec * 1000000000ll + st.st_ctim.tv_nsec);
	if (file.mount)
		assert_true(file.device_proven && file.device == file.mount->device);
	fd = open(path, O_PATH | O_CLOEXEC);
	assert_int_equal(ipc_file_stat(NULL, fd, "", false, &file), 0);
	assert_int_equal(file.inode, st.st_ino);
	assert_false(file.device_proven);
	close(fd);

	snprintf(path, sizeof(path), "%s/proc/link", f->tree.root);
	assert_int_equal(ipc_file_stat(live, AT_FDCWD, path, false, &file), 0);
	assert_true(S_ISLNK(file.mode));
	assert_int_equal(ipc_file_stat(live, AT_FDCWD, path, true, &file), 0);
	assert_int_equal(file.inode, st.st_ino);
	snprintf(path, sizeof(path), "%s/proc/none", f->tree.root);
	assert_int_equal(ipc_file_stat(live, AT_FDCWD, path, false, &file), -ENOENT);
	ipc_mounts_free(live);
	ipc_ctx_unref(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_and_escapes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(paths_end_at_a_slash, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_topmost_counts_in_any_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hidden_mounts_do_not_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_may_hang_is_not_local, set_up, tear_down),
		cmocka_unit_test_setup_teardown(btrfs_subvolumes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_first_of_a_device_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(captured_ids_prove_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(captured_table_of_init, set_up, tear_down),
		cmocka_unit_test_setup_teardown(file_stat, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
