/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in pipes: bytes, packets, both mixed, more than a private pipe takes; and that all of it stays there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

#include <ipctool/dump.h>

#include "model/bytes.h"

#define SHOWN_MAX 20 /* longer pieces are told by their length */

/* A pipe of this process, and what a dump of it gave. */
struct bench {
	int in, out;
	struct ipc_ctx *ctx;
	struct ipc_dump_result result;
	struct ipc_buf log, bytes;
	int stop;   /* returned for each piece */
	pid_t ends; /* ends between the search and the look; 0: nobody */
};

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int ends[2];

	assert_non_null(bench);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	bench->out = ends[0];
	bench->in = ends[1];
	assert_int_equal(ipc_ctx_new(&bench->ctx), 0);
	return bench;
}

static void bench_free(struct bench *bench)
{
	close(bench->in);
	close(bench->out);
	ipc_ctx_unref(bench->ctx);
	ipc_buf_release(&bench->log);
	ipc_buf_release(&bench->bytes);
	free(bench);
}

static void put(struct bench *bench, bool packet, const char *data, size_t len)
{
	assert_int_equal(fcntl(bench->in, F_SETFL, O_NONBLOCK | (packet ? O_DIRECT : 0)), 0);
	assert_int_equal(write(bench->in, data, len), len);
}

static void put_text(struct bench *bench, bool packet, const char *text)
{
	put(bench, packet, text, strlen(text));
}

/* "B3:abc" bytes at offset 3, "M0:abc" message 0, "M1+4096" a long one. */
static int take(const struct ipc_piece *piece, void *data)
{
	struct bench *bench = data;
	bool message = piece->type == IPC_PIECE_MESSAGE;
	int r;

	assert_true(message || piece->type == IPC_PIECE_BYTES);
	assert_int_equal(piece->data.len, piece->length);
	r = ipc_buf_format(&bench->log, "%s%c%" PRIu64, bench->log.len ? " " : "", message ? 'M' : 'B',
			   message ? piece->index : piece->offset);
	if (piece->length > SHOWN_MAX)
		r |= ipc_buf_format(&bench->log, "+%" PRIu64, piece->length);
	else
		r |= ipc_buf_format(&bench->log, ":%.*s", (int)piece->data.len, piece->data.data);
	r |= ipc_buf_append(&bench->bytes, piece->data.data, piece->data.len);
	return r ? r : bench->stop;
}

static size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int dump(struct bench *bench, const struct ipc_dump_how *how)
{
	size_t before = count_descriptors();
	struct ipc_query *query;
	struct ipc_set *set;
	char reference[32];
	struct stat st;
	int r;

	ipc_buf_clear(&bench->log);
	ipc_buf_clear(&bench->bytes);
	assert_int_equal(fstat(bench->in, &st), 0);
	snprintf(reference, sizeof(reference), "pipe:%llu", (unsigned long long)st.st_ino);
	assert_int_equal(ipc_query_new(bench->ctx, &query), 0);
	assert_int_equal(ipc_query_add(query, reference, false), 0);
	ipc_query_want_verb(query, IPC_VERB_DUMP);
	assert_int_equal(ipc_query_collect(query, &set), 0);
	assert_int_equal(ipc_set_count(set), 1);
	if (bench->ends) {
		kill(bench->ends, SIGKILL);
		assert_int_equal(waitpid(bench->ends, NULL, 0), bench->ends);
	}
	r = ipc_object_dump(bench->ctx, ipc_set_get(set, 0), how, take, bench, &bench->result);
	ipc_set_free(set);
	ipc_query_free(query);
	assert_int_equal(count_descriptors(), before);
	return r;
}

static void dumps(struct bench *bench, const struct ipc_dump_how *how, const char *expected)
{
	if (dump(bench, how))
		fail_msg("%s", ipc_ctx_error(bench->ctx));
	assert_string_equal(bench->log.data ? bench->log.data : "", expected);
	assert_int_equal(bench->result.unreached, 0);
	assert_false(bench->result.torn);
}

static void notes(const struct bench *bench, const char *text)
{
	const char *note = ipc_ctx_note(bench->ctx);

	if (*text ? !strstr(note, text) : *note)
		fail_msg("note: \"%s\"", note);
}

/* One read() by who is to have it. */
static void reads(struct bench *bench, size_t expected)
{
	static char buffer[1 << 20];

	assert_int_equal(read(bench->out, buffer, sizeof(buffer)), expected);
}

static char *some_bytes(size_t len)
{
	char *bytes = malloc(len);
	size_t i;

	assert_non_null(bytes);
	for (i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	return bytes;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void bytes_stay(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, false, "hello, ");
	put_text(bench, false, "pipe");
	dumps(bench, NULL, "B0:hello, pipe");
	assert_string_equal(bench->result.source, "tee");
	notes(bench, "");
	dumps(bench, NULL, "B0:hello, pipe");
	reads(bench, 11);
	bench_free(bench);
}

static void empty(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	dumps(bench, NULL, "");
	dumps(bench, &(struct ipc_dump_how){.offset = 5}, "");
	dumps(bench, &(struct ipc_dump_how){.first = 5}, "");
	notes(bench, "");
	bench_free(bench);
}

static void ranges(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, false, "0123456789");
	dumps(bench, &(struct ipc_dump_how){.offset = 3}, "B3:3456789");
	dumps(bench, &(struct ipc_dump_how){.length = 4}, "B0:0123");
	dumps(bench, &(struct ipc_dump_how){.offset = 8, .length = 100}, "B8:89");
	dumps(bench, &(struct ipc_dump_how){.offset = 8, .length = UINT64_MAX}, "B8:89");
	dumps(bench, &(struct ipc_dump_how){.offset = 10}, "");
	dumps(bench, &(struct ipc_dump_how){.offset = UINT64_MAX - 1, .length = 10}, "");
	reads(bench, 10);
	bench_free(bench);
}

static void full(struct bench *bench, int capacity)
{
	char *bytes = some_bytes((size_t)capacity);

	assert_int_equal(fcntl(bench->in, F_SETPIPE_SZ, capacity), capacity);
	put(bench, false, bytes, (size_t)capacity);
	if (dump(bench, NULL))
		fail_msg("%s", ipc_ctx_error(bench->ctx));
	assert_int_equal(bench->result.unreached, 0);
	assert_int_equal(bench->bytes.len, capacity);
	assert_memory_equal(bench->bytes.data, bytes, capacity);
	free(bytes);
}

static void a_full_pipe(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	full(bench, 1 << 20);
	reads(bench, 1 << 20);
	bench_free(bench);
}

static void more_than_a_mebibyte(void **state)
{
	struct bench *bench;

	(void)state;
	bench = bench_new();
	/* CAP_SYS_RESOURCE, which even root may lack. */
	if (fcntl(bench->in, F_SETPIPE_SZ, 4 << 20) < 0) {
		bench_free(bench);
		skip();
	}
	full(bench, 4 << 20);
	bench_free(bench);
}

/* What is not there all at once: pages of a file, and a buffer that a write from no memory left empty. */
static void odd_buffers(void **state)
{
	struct bench *bench = bench_new();
	void *forbidden = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[] = "/tmp/test_dump_pipe.XXXXXX";
	int fd = mkstemp(path);
	loff_t offset = 1;

	(void)state;
	assert_true(fd >= 0 && forbidden != MAP_FAILED);
	unlink(path);
	assert_int_equal(write(fd, "-file-", 6), 6);
	assert_int_equal(write(bench->in, forbidden, 1), -1);
	put_text(bench, false, "a");
	assert_int_equal(splice(fd, &offset, bench->in, NULL, 4, 0), 4);
	put_text(bench, false, "b");
	dumps(bench, NULL, "B0:afileb");
	munmap(forbidden, 1);
	close(fd);
	reads(bench, 6);
	bench_free(bench);
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

static void packets(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, true, "one");
	put_text(bench, true, "2");
	put_text(bench, true, "three");
	dumps(bench, NULL, "M0:one M1:2 M2:three");
	notes(bench, "");
	dumps(bench, &(struct ipc_dump_how){.first = 1}, "M1:2 M2:three");
	dumps(bench, &(struct ipc_dump_how){.first = 1, .count = 1}, "M1:2");
	dumps(bench, &(struct ipc_dump_how){.first = 3, .count = 1}, "");
	dumps(bench, &(struct ipc_dump_how){.offset = 2, .length = 4}, "B2:e2th");
	notes(bench, "without their boundaries");
	reads(bench, 3);
	reads(bench, 1);
	reads(bench, 5);
	bench_free(bench);
}

/* The kernel makes packets of a page of what is longer. */
static void long_packets(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct bench *bench = bench_new();
	char *bytes = some_bytes(page + 904), expected[64];

	(void)state;
	put(bench, true, bytes, page);
	snprintf(expected, sizeof(expected), "M0+%zu", page);
	dumps(bench, NULL, expected);
	notes(bench, "");
	reads(bench, page);
	put(bench, true, bytes, page + 904);
	snprintf(expected, sizeof(expected), "M0+%zu M1+904", page);
	dumps(bench, NULL, expected);
	notes(bench, "parts of one longer write");
	assert_memory_equal(bench->bytes.data, bytes, page + 904);
	reads(bench, page);
	reads(bench, 904);
	free(bytes);
	bench_free(bench);
}

static void mixed(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct bench *bench = bench_new();
	char *bytes = some_bytes(page), expected[64];

	(void)state;
	put_text(bench, true, "pkt");
	put_text(bench, false, "ab");
	put(bench, true, bytes, page);
	put_text(bench, false, "end");
	snprintf(expected, sizeof(expected), "M0:pkt B3:ab M1+%zu B%zu:end", page, page + 5);
	dumps(bench, NULL, expected);
	notes(bench, "mixed");
	dumps(bench, &(struct ipc_dump_how){.count = 1}, "M0:pkt");
	snprintf(expected, sizeof(expected), "M1+%zu", page);
	dumps(bench, &(struct ipc_dump_how){.first = 1}, expected);
	dumps(bench, &(struct ipc_dump_how){.length = 5}, "B0:pktab");
	reads(bench, 3);
	reads(bench, page + 2); /* as the note says */
	reads(bench, 3);
	free(bytes);
	bench_free(bench);
}

/* Behind bytes in the same page the kernel itself keeps no boundary, for the reader neither. */
static void packets_that_are_none(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, false, "ab");
	put_text(bench, true, "cd");
	dumps(bench, NULL, "B0:abcd");
	notes(bench, "");
	reads(bench, 4);
	bench_free(bench);
}

static void choices(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, false, "bytes");
	assert_int_equal(dump(bench, &(struct ipc_dump_how){.count = 1}), -EINVAL);
	assert_non_null(strstr(ipc_ctx_error(bench->ctx), "no packets to choose from"));
	assert_int_equal(dump(bench, &(struct ipc_dump_how){.offset = 1, .first = 1}), -EINVAL);
	assert_non_null(strstr(ipc_ctx_error(bench->ctx), "not both"));
	assert_int_equal(dump(bench, &(struct ipc_dump_how){.flags = IPC_DUMP_DRAIN}), -EINVAL);
	bench_free(bench);
}

/* Who has enough gets no more, and what he returned comes back. */
static void stopped(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, true, "one");
	put_text(bench, true, "two");
	bench->stop = 42;
	assert_int_equal(dump(bench, NULL), 42);
	assert_string_equal(bench->log.data, "M0:one");
	assert_int_equal(dump(bench, &(struct ipc_dump_how){.offset = 1}), 42);
	assert_string_equal(bench->log.data, "B1:netwo");
	bench_free(bench);
}

/* ---- who has it -------------------------------------------------------------------------------------------------- */

/* A process that has the read end, too. */
static pid_t other_reader(struct bench *bench)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(bench->in);
		for (;;)
			pause();
	}
	return pid;
}

static void one_of_them_ends(void **state)
{
	struct bench *bench = bench_new();
	pid_t left;

	(void)state;
	put_text(bench, false, "kept");
	bench->ends = other_reader(bench);
	left = other_reader(bench);
	close(bench->out);
	bench->out = -1;
	dumps(bench, NULL, "B0:kept");
	bench->ends = left;
	assert_int_equal(dump(bench, NULL), geteuid() ? -EPERM : -ESRCH);
	assert_int_equal(bench->result.unreached, 4);
	bench_free(bench);
}

static void writers_alone(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, false, "lost");
	close(bench->out);
	assert_int_equal(dump(bench, NULL), geteuid() ? -EPERM : -ESRCH);
	assert_non_null(strstr(ipc_ctx_error(bench->ctx), "4 bytes in it can be seen through its read end alone"));
	assert_int_equal(bench->result.unreached, 4);
	bench->out = -1;
	bench_free(bench);
}

static void an_empty_one_of_writers_alone(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	close(bench->out);
	dumps(bench, NULL, "");
	assert_string_equal(bench->result.source, "FIONREAD");
	bench->out = -1;
	bench_free(bench);
}

/* Had a copy been left, the write would succeed. */
static void no_reader_remains(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	put_text(bench, false, "x");
	dumps(bench, NULL, "B0:x");
	close(bench->out);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(write(bench->in, "y", 1), -1);
	assert_int_equal(errno, EPIPE);
	bench->out = -1;
	bench_free(bench);
}

/* A user who has many pages in pipes already gets small ones. The number is that of nobody else's user. */
static bool use_up(void)
{
	int ends[2], i;

	if (setresgid(61234, 61234, 61234) || setresuid(61234, 61234, 61234))
		return false;
	for (i = 0; i < 400; i++) {
		if (pipe(ends) < 0)
			return false;
		if (fcntl(ends[0], F_GETPIPE_SZ) < 1 << 16)
			return true;
		fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
	}
	return false;
}

static int dump_as_other(struct bench *bench, size_t size, const char *bytes)
{
	if (!use_up())
		return 77;
	ipc_ctx_unref(bench->ctx);
	if (ipc_ctx_new(&bench->ctx) || dump(bench, NULL))
		return 3;
	if (!bench->bytes.len || bench->bytes.len >= size || memcmp(bench->bytes.data, bytes, bench->bytes.len) != 0)
		return 4;
	if (bench->result.unreached != size - bench->bytes.len)
		return 5;
	if (!strstr(ipc_ctx_note(bench->ctx), "CAP_SYS_RESOURCE"))
		return 6;
	/* What was asked for is all there. */
	return dump(bench, &(struct ipc_dump_how){.length = 4096}) || bench->result.unreached ? 7 : 0;
}

static void more_than_is_allowed(void **state)
{
	const size_t size = 1 << 16;
	struct bench *bench;
	char *bytes;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	bench = bench_new();
	bytes = some_bytes(size);
	put(bench, false, bytes, size);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(dump_as_other(bench, size, bytes));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	free(bytes);
	bench_free(bench);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_stay),
		cmocka_unit_test(empty),
		cmocka_unit_test(ranges),
		cmocka_unit_test(a_full_pipe),
		cmocka_unit_test(more_than_a_mebibyte),
		cmocka_unit_test(odd_buffers),
		cmocka_unit_test(packets),
		cmocka_unit_test(long_packets),
		cmocka_unit_test(mixed),
		cmocka_unit_test(packets_that_are_none),
		cmocka_unit_test(choices),
		cmocka_unit_test(stopped),
		cmocka_unit_test(one_of_them_ends),
		cmocka_unit_test(writers_alone),
		cmocka_unit_test(an_empty_one_of_writers_alone),
		cmocka_unit_test(no_reader_remains),
		cmocka_unit_test(more_than_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
