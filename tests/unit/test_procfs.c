/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading below /proc, and the parsers of links, maps and octal escapes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "sources/procfs.h"
#include "tree.h"

struct fixture {
	struct tree tree;
	struct ipc_ctx *ctx;
	struct ipc_buf buf;
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

	ipc_buf_release(&f->buf);
	ipc_ctx_unref(f->ctx);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static void files_are_read_whole(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 300001};
	struct fixture *f = *state;
	char *data = malloc(300001);

	for (size_t i = 0; i < 300001; i++)
		data[i] = (char)(i * 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		tree_write_bytes(&f->tree, "proc/4711/maps", data, sizes[i]);
		assert_int_equal(ipc_proc_read(f->ctx, &f->buf, "%d/%s", 4711, "maps"), 0);
		assert_int_equal(f->buf.len, sizes[i]);
		assert_memory_equal(f->buf.data, data, sizes[i]);
		assert_int_equal(f->buf.data[sizes[i]], '\0');
	}
	assert_int_equal(ipc_proc_read(f->ctx, &f->buf, "4711/nothing"), -ENOENT);
	assert_int_equal(ipc_proc_read(f->ctx, &f->buf, "4711"), -EISDIR);
	assert_int_equal(ipc_proc_read(f->ctx, &f->buf, "%05000d", 1), -ENAMETOOLONG);
	free(data);
}

static void links_are_read_whole(void **state)
{
	struct fixture *f = *state;
	char target[3001];

	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	tree_link(&f->tree, "proc/1/fd/3", target);
	assert_int_equal(ipc_proc_link(f->ctx, &f->buf, "1/fd/3"), 0);
	assert_int_equal(f->buf.len, 3000);
	assert_string_equal(f->buf.data, target);
	target[256] = '\0'; /* as long as the first buffer */
	tree_link(&f->tree, "proc/1/fd/4", target);
	assert_int_equal(ipc_proc_link(f->ctx, &f->buf, "1/fd/%d", 4), 0);
	assert_string_equal(f->buf.data, target);
	assert_int_equal(ipc_proc_link(f->ctx, &f->buf, "1/fd/5"), -ENOENT);
}

static void inode_links(void **state)
{
	static const char *const wrong[] = {"ipc:4026531839", "ipc:[]",    "ipc:[-1]",
					    "ipc:[12x]",      "ipc:[12]]", "ipc:[99999999999999999999]",
					    "/tmp/x"};
	struct fixture *f = *state;
	uint64_t inode = 7;
	char path[32];

	tree_link(&f->tree, "proc/1/ns/ipc", "ipc:[4026531839]");
	assert_int_equal(ipc_proc_inode_link(f->ctx, &inode, "%d/ns/ipc", 1), 0);
	assert_int_equal(inode, 4026531839u);
	inode = 7;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(path, sizeof(path), "proc/2/ns/%zu", i);
		tree_link(&f->tree, path, wrong[i]);
		assert_int_equal(ipc_proc_inode_link(f->ctx, &inode, "2/ns/%zu", i), -EINVAL);
	}
	assert_int_equal(ipc_proc_inode_link(f->ctx, &inode, "3/ns/ipc"), -ENOENT);
	assert_int_equal(inode, 7);
}

/* A context keeps the answer until it is rooted again. */
static bool looks_initial(struct fixture *f)
{
	assert_int_equal(ipc_ctx_set_root(f->ctx, f->tree.root), 0);
	return ipc_proc_initial_pidns(f->ctx);
}

static void pidns_by_its_inode(void **state)
{
	struct fixture *f = *state;

	assert_false(looks_initial(f));
	tree_link(&f->tree, "proc/self/ns/pid", "pid:[4026531836]");
	assert_true(looks_initial(f));
}

/* A process of an inner pid namespace may be called kthreadd; the flag of a kernel thread it does not have. */
static void pidns_by_kernel_threads(void **state)
{
	struct fixture *f = *state;

	tree_link(&f->tree, "proc/self/ns/pid", "pid:[4026532000]");
	tree_write(&f->tree, "proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 4194560 0\n");
	assert_false(looks_initial(f));
	tree_write(&f->tree, "proc/2/stat", "2 (x) S 0 0 0 0 -1 2097152 0 (y) S 0 0 0 0 -1 4194560 0\n");
	assert_false(looks_initial(f));
	tree_write(&f->tree, "proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0\n");
	assert_true(looks_initial(f));
}

static void maps(void **state)
{
	static const char text[] =
		"7f0000001000-7f0000003000 rw-s 00002000 00:19 1026                       /dev/shm/a b (deleted)\n"
		"this is no mapping\n"
		"400000-401000 r-xp 00000000 103:0a 18446744073709551615 /x\\012y\n"
		"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 \n"
		"1-2 r--p 0 0:0 99999999999999999999\n"
		"11112222333344445-2 r--p 0 0:0 0\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]";
	const char *at = text, *end = text + sizeof(text) - 1;
	struct ipc_map_line line;

	(void)state;
	assert_true(ipc_proc_next_map(&at, end, &line));
	assert_true(line.start == 0x7f0000001000 && line.end == 0x7f0000003000 && line.offset == 0x2000);
	assert_true(line.read && line.write && line.shared);
	assert_true(line.device == makedev(0, 0x19) && line.inode == 1026);
	assert_true(ipc_bytes_equal(line.path, IPC_BYTES("/dev/shm/a b (deleted)")));

	assert_true(ipc_proc_next_map(&at, end, &line));
	assert_true(line.read && !line.write && !line.shared);
	assert_true(line.device == makedev(0x103, 0xa) && line.inode == UINT64_MAX);
	assert_true(ipc_bytes_equal(line.path, IPC_BYTES("/x\\012y")));

	assert_true(ipc_proc_next_map(&at, end, &line));
	assert_int_equal(line.path.len, 0);

	assert_true(ipc_proc_next_map(&at, end, &line));
	assert_true(line.start == 0xffffffffff600000u && !line.read);
	assert_true(ipc_bytes_equal(line.path, IPC_BYTES("[vsyscall]")));
	assert_false(ipc_proc_next_map(&at, end, &line));
	assert_ptr_equal(at, end);
	assert_false(ipc_proc_next_map(&at, end, &line));
}

static void maps_cut_anywhere(void **state)
{
	static const char text[] = "7f0000001000-7f0000003000 rw-s 00002000 00:19 1026   /a\n";
	struct ipc_map_line line;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len + 1); /* of that size, so that a read behind it is caught */
		const char *at = copy;

		memcpy(copy, text, len);
		while (ipc_proc_next_map(&at, copy + len, &line))
			;
		assert_ptr_equal(at, copy + len);
		free(copy);
	}
}

static void decode(void **state)
{
	char mount[] = "a\\040b\\011c\\134d\\012e\\043f\\101\\400\\0", map[] = "x\\012y\\040z\\134";
	size_t len;

	(void)state;
	len = ipc_proc_decode(mount, strlen(mount), " \t\n\\#");
	assert_true(ipc_bytes_equal((struct ipc_bytes){mount, len}, IPC_BYTES("a b\tc\\d\ne#f\\101\\400\\0")));
	len = ipc_proc_decode(map, strlen(map), "\n");
	assert_true(ipc_bytes_equal((struct ipc_bytes){map, len}, IPC_BYTES("x\ny\\040z\\134")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_are_read_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links_are_read_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inode_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pidns_by_its_inode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pidns_by_kernel_threads, set_up, tear_down),
		cmocka_unit_test(maps),
		cmocka_unit_test(maps_cut_anywhere),
		cmocka_unit_test(decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
