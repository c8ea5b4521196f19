/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sparse reader: every byte, holes as lengths, ranges, files that change under it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sources/sparse.h"

#define PAGE ((uint64_t)4096)
#define MIB ((uint64_t)1 << 20)

/* What the sink was given. */
struct got {
	uint64_t start, at; /* the next offset that it expects */
	uint64_t zeros;     /* bytes given as holes */
	size_t calls;
	char *copy; /* of the whole range; NULL: none */
	int fd;     /* done to after `stop_after` calls */
	size_t stop_after;
	int result;     /* then returned */
	off_t truncate; /* then its size; negative: stays */
};

static int after(struct got *got)
{
	if (++got->calls != got->stop_after)
		return 0;
	if (got->truncate >= 0)
		assert_int_equal(ftruncate(got->fd, got->truncate), 0);
	return got->result;
}

static int take_bytes(void *data, uint64_t offset, struct ipc_bytes bytes)
{
	struct got *got = data;

	assert_int_equal(offset, got->at);
	assert_true(bytes.len > 0);
	if (got->copy)
		memcpy(got->copy + (offset - got->start), bytes.data, bytes.len);
	got->at += bytes.len;
	return after(got);
}

static int take_zeros(void *data, uint64_t offset, uint64_t length)
{
	struct got *got = data;

	assert_int_equal(offset, got->at);
	assert_true(length > 0);
	if (got->copy)
		memset(got->copy + (offset - got->start), 0, length);
	got->at += length;
	got->zeros += length;
	return after(got);
}

static int run(struct got *got, int fd, uint64_t start, uint64_t end, bool shared, uint64_t *reached)
{
	const struct ipc_sparse from = {.fd = fd, .shared = shared, .start = start, .end = end};
	const struct ipc_sparse_sink to = {.bytes = take_bytes, .zeros = take_zeros, .data = got};

	got->start = got->at = start;
	got->fd = fd;
	return ipc_sparse_read(&from, &to, reached);
}

/* The whole range arrives as pread() has it; returns how much of it came as holes. */
static uint64_t compare(int fd, uint64_t start, uint64_t end, bool shared)
{
	struct got got = {.copy = malloc(end - start + 1), .truncate = -1};
	char *expected = malloc(end - start + 1);
	uint64_t reached = 0;

	assert_int_equal(run(&got, fd, start, end, shared, &reached), 0);
	assert_int_equal(reached, end);
	assert_int_equal(got.at, end);
	assert_int_equal(pread(fd, expected, end - start, (off_t)start), end - start);
	assert_memory_equal(got.copy, expected, end - start);
	free(expected);
	free(got.copy);
	return got.zeros;
}

static int make(uint64_t size)
{
	int fd = memfd_create("sparse", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* Bytes of which no page is zero. */
static void fill(int fd, uint64_t offset, uint64_t length)
{
	char *bytes = malloc(length);
	uint64_t i;

	for (i = 0; i < length; i++)
		bytes[i] = (char)((offset + i) * 2654435761u >> 7 | 1);
	assert_int_equal(pwrite(fd, bytes, length, (off_t)offset), length);
	free(bytes);
}

static void test_dense(void **state)
{
	int fd = make(0);

	(void)state;
	fill(fd, 0, 3 * MIB + 17);
	assert_int_equal(compare(fd, 0, 3 * MIB + 17, false), 0);
	assert_int_equal(compare(fd, 12345, 2 * MIB + 1, false), 0);
	close(fd);
}

static void test_holes_at_the_start_in_the_middle_at_the_end(void **state)
{
	int fd = make(9 * MIB + 5);

	(void)state;
	fill(fd, MIB, MIB);
	fill(fd, 5 * MIB, PAGE);
	fill(fd, 5 * MIB + 3 * PAGE, PAGE);
	assert_int_equal(compare(fd, 0, 9 * MIB + 5, false), 8 * MIB + 5 - 2 * PAGE);
	assert_int_equal(compare(fd, 1, 9 * MIB, false), 8 * MIB - 1 - 2 * PAGE);
	assert_int_equal(compare(fd, 5 * MIB + 1, 5 * MIB + 3 * PAGE + 7, false), 2 * PAGE);
	close(fd);
}

static void test_every_second_page(void **state)
{
	int fd = make(4 * MIB);
	uint64_t at;

	(void)state;
	for (at = PAGE; at < 4 * MIB; at += 2 * PAGE)
		fill(fd, at, PAGE);
	assert_int_equal(compare(fd, 0, 4 * MIB, false), 2 * MIB);
	assert_int_equal(compare(fd, 777, 3 * MIB + 4, false), 3 * MIB / 2 - 777 + 4);
	close(fd);
}

/* Zeros that were written are no hole, nor are those of a page that begins with zeros. */
static void test_written_zeros(void **state)
{
	int fd = make(2 * MIB);
	char *zeros = calloc(1, MIB);

	(void)state;
	assert_int_equal(pwrite(fd, zeros, MIB, 0), MIB);
	assert_int_equal(pwrite(fd, "x", 1, MIB - 1), 1);
	assert_int_equal(compare(fd, 0, 2 * MIB, false), MIB);
	free(zeros);
	close(fd);
}

static void test_nothing_but_a_hole(void **state)
{
	struct got got = {.truncate = -1};
	uint64_t reached, size = 10240 * MIB;
	int fd = make(size);

	(void)state;
	assert_int_equal(run(&got, fd, 0, size, false, &reached), 0);
	assert_int_equal(reached, size);
	assert_int_equal(got.zeros, size);
	assert_int_equal(got.calls, 1);
	close(fd);
}

static void test_nothing_wanted(void **state)
{
	struct got got = {.truncate = -1};
	uint64_t reached;
	int fd = make(PAGE);

	(void)state;
	assert_int_equal(run(&got, fd, PAGE, PAGE, false, &reached), 0);
	assert_int_equal(reached, PAGE);
	assert_int_equal(got.calls, 0);
	close(fd);
}

/* The position that is another's too stays where it is, and every byte comes nevertheless. */
static void test_shared_position(void **state)
{
	int fd = make(3 * MIB);

	(void)state;
	fill(fd, 2 * MIB, PAGE);
	assert_int_equal(lseek(fd, 42, SEEK_SET), 42);
	assert_int_equal(compare(fd, 0, 3 * MIB, true), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 42);
	close(fd);
}

static void test_no_holes_known(void **state)
{
	struct got got = {.truncate = -1};
	uint64_t reached;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(run(&got, fd, 0, 4, false, &reached), 0);
	assert_int_equal(reached, 4);
	assert_int_equal(got.zeros, 0);
	close(fd);
}

/* Cut while data is read, while a hole is skipped, and within what was read already. */
static void test_becomes_shorter(void **state)
{
	static const struct {
		bool filled;
		uint64_t to, reached;
	} cases[] = {
		{true, 2 * MIB + 100, 2 * MIB + 100},
		{true, 0, 256 << 10},
		{false, 6 * MIB + 1, 6 * MIB + 1},
		{false, 10, PAGE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct got got = {.stop_after = 1, .truncate = (off_t)cases[i].to};
		uint64_t reached = 0;
		int fd = make(8 * MIB);

		fill(fd, 0, cases[i].filled ? 8 * MIB : PAGE);
		assert_int_equal(run(&got, fd, 0, 8 * MIB, false, &reached), 0);
		assert_int_equal(reached, cases[i].reached);
		assert_int_equal(got.at, cases[i].reached);
		close(fd);
	}
}

static void test_sink_stops(void **state)
{
	static const int results[] = {1, -EIO, INT32_MIN};
	uint64_t reached;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct got got = {.stop_after = 2, .result = results[i], .truncate = -1};
		int fd = make(3 * MIB);

		fill(fd, MIB, MIB);
		assert_int_equal(run(&got, fd, 0, 3 * MIB, false, &reached), results[i]);
		assert_int_equal(got.calls, 2);
		close(fd);
	}
}

static void test_cannot_be_read(void **state)
{
	struct got got = {.truncate = -1};
	uint64_t reached;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(run(&got, fd, 0, 1, true, &reached), -EISDIR);
	close(fd);
	assert_int_equal(run(&got, -1, 0, 1, false, &reached), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dense),
		cmocka_unit_test(test_holes_at_the_start_in_the_middle_at_the_end),
		cmocka_unit_test(test_every_second_page),
		cmocka_unit_test(test_written_zeros),
		cmocka_unit_test(test_nothing_but_a_hole),
		cmocka_unit_test(test_nothing_wanted),
		cmocka_unit_test(test_shared_position),
		cmocka_unit_test(test_no_holes_known),
		cmocka_unit_test(test_becomes_shorter),
		cmocka_unit_test(test_sink_stops),
		cmocka_unit_test(test_cannot_be_read),
	};

	return cmocka_run_group_tests_name("sparse", tests, NULL, NULL);
}
