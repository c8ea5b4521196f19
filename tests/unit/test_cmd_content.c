/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The formats of contents, fed with pieces: cmd/content*.c, cmd/base64.c, cmd/output.c. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../cmd/base64.h"
#include "../../cmd/content.h"
#include "classes/contents.h"

/* ---- an object, and what is written of it ------------------------------------------------------------------------ */

static const struct ipc_contents contents = {.takes = IPC_DUMP_RANGE};
static const struct ipc_class class = {.name = "mq", .record = &ipc_object_record};
static const struct ipc_kind kind = {.name = "sysv", .cls = &class, .contents = &contents};
static const struct ipc_object object = {.of_class = &class,
					 .of_kind = &kind,
					 .ref = {"mq:5", 4},
					 .handle = {"mq+1:5", 6},
					 .class_name = {"mq", 2},
					 .kind_name = {"sysv", 4}};

struct written {
	struct app app;
	struct content *content;
	struct ipc_dump_result result;
	char text[200000];
	size_t len;
};

static struct written written;

static void begin(struct content *content)
{
	written.app = (struct app){.out = {.fd = memfd_create("out", 0)}};
	written.content = content;
	written.result = (struct ipc_dump_result){.source = "test"};
	content->app = &written.app;
	content->object = &object;
	content->result = &written.result;
	assert_true(content_begin(content));
}

static void open_object(struct content *content)
{
	begin(content);
	assert_true(content_open(content));
}

static void give(const struct ipc_piece *piece)
{
	assert_true(content_piece(written.content, piece));
}

static void give_bytes(uint64_t offset, const char *data, size_t len)
{
	give(&(struct ipc_piece){.type = IPC_PIECE_BYTES, .offset = offset, .length = len, .data = {data, len}});
}

static void give_zeros(uint64_t offset, uint64_t length)
{
	give(&(struct ipc_piece){.type = IPC_PIECE_ZEROS, .offset = offset, .length = length});
}

static void give_message(uint64_t index, const char *data, uint64_t length)
{
	give(&(struct ipc_piece){
		.type = IPC_PIECE_MESSAGE, .index = index, .length = length, .data = {data, strlen(data)}});
}

/* Close the object, and read what was written. */
static void finish(void)
{
	const struct content_end end = {.note = NULL};
	const struct outcome outcome = {.complete = true};
	ssize_t n;

	assert_true(content_close(written.content, &end));
	assert_true(content_end(written.content, &outcome));
	assert_true(output_settle(&written.app.out));
	n = pread(written.app.out.fd, written.text, sizeof(written.text) - 1, 0);
	assert_true(n >= 0);
	written.len = (size_t)n;
	written.text[n] = '\0';
	close(written.app.out.fd);
	text_release(&written.app.out.text);
	content_free(written.content);
}

static void expect(const char *text)
{
	finish();
	assert_string_equal(written.text, text);
}

/* ---- hex --------------------------------------------------------------------------------------------------------- */

#define LINE_A "61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|\n"
#define LINE_0 "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
#define AS "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_hex_lines(void **state)
{
	(void)state;
	open_object(content_hex_new());
	give_bytes(0, "The quick brown\n\177\200\377\0 fox", 23);
	expect("00000000  54 68 65 20 71 75 69 63  6b 20 62 72 6f 77 6e 0a  |The quick brown.|\n"
	       "00000010  7f 80 ff 00 20 66 6f                              |.... fo|\n"
	       "00000017\n");
	open_object(content_hex_new());
	expect("");
	open_object(content_hex_new());
	give_bytes(0, "", 0);
	expect("");
	open_object(content_hex_new());
	give_bytes(UINT64_C(0x123456789), "12345678", 8);
	expect("123456789  31 32 33 34 35 36 37 38                           |12345678|\n"
	       "123456791\n");
}

/* Equal whole lines are folded; the last line is not, unless it is a whole one. */
static void test_hex_folding(void **state)
{
	(void)state;
	open_object(content_hex_new());
	give_bytes(0, AS, 32);
	expect("00000000  " LINE_A "*\n00000020\n");
	open_object(content_hex_new());
	give_bytes(0, AS, 35);
	expect("00000000  " LINE_A "*\n"
	       "00000020  61 61 61                                          |aaa|\n00000023\n");
	open_object(content_hex_new());
	give_bytes(0, AS, 48);
	give_bytes(48, "b", 1);
	give_bytes(49, AS, 31);
	expect("00000000  " LINE_A "*\n"
	       "00000030  62 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |baaaaaaaaaaaaaaa|\n"
	       "00000040  " LINE_A "00000050\n");
}

/* Zeros are shown as bytes that are zero are, however many there are and wherever they begin and end. */
static void test_hex_zeros(void **state)
{
	static const char zeros[200];
	size_t before, count, after;

	(void)state;
	for (before = 0; before < 34; before += 3) {
		for (count = 0; count < 90; count += 7) {
			for (after = 0; after < 34; after += 11) {
				char wanted[4096];

				open_object(content_hex_new());
				give_bytes(1, AS, before);
				give_bytes(1 + before, zeros, count);
				give_bytes(1 + before + count, AS, after);
				finish();
				assert_true(written.len < sizeof(wanted));
				memcpy(wanted, written.text, written.len + 1);
				open_object(content_hex_new());
				give_bytes(1, AS, before);
				give_zeros(1 + before, count);
				give_bytes(1 + before + count, AS, after);
				expect(wanted);
			}
		}
	}
	open_object(content_hex_new());
	give_bytes(0, "a", 1);
	give_zeros(1, UINT64_C(1) << 60);
	give_bytes((UINT64_C(1) << 60) + 1, "b", 1);
	expect("00000000  61 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |a...............|\n"
	       "00000010  " LINE_0 "*\n"
	       "1000000000000000  00 62                                             |.b|\n"
	       "1000000000000002\n");
}

/* Where bytes cannot be read those behind them begin anew. */
static void test_hex_gap(void **state)
{
	(void)state;
	open_object(content_hex_new());
	give_bytes(0, AS, 16);
	give_bytes(32, AS, 16);
	expect("00000000  " LINE_A "00000010\n00000020  " LINE_A "00000030\n");
}

static void test_hex_messages(void **state)
{
	(void)state;
	open_object(content_hex_new());
	give_message(0, "hello", 5);
	give_message(1, "", 0);
	give_message(2, "cut", 9);
	give_message(3, "x", 1);
	expect("# mq:5 (mq/sysv, read by test)\n"
	       "# message 0: 5 bytes\n"
	       "00000000  68 65 6c 6c 6f                                    |hello|\n"
	       "00000005\n"
	       "# message 1: 0 bytes\n"
	       "# message 2: 9 bytes, 3 of them read\n"
	       "00000000  63 75 74                                          |cut|\n"
	       "00000003\n"
	       "# message 3: 1 byte\n"
	       "00000000  78                                                |x|\n"
	       "00000001\n");
}

static void test_hex_headings(void **state)
{
	struct content *content = content_hex_new();
	const struct content_end end = {.note = NULL};

	(void)state;
	content->headings = true;
	open_object(content);
	give_bytes(0, "a", 1);
	assert_true(content_close(content, &end));
	assert_true(content_open(content));
	expect("# mq:5 (mq/sysv, read by test)\n"
	       "00000000  61                                                |a|\n"
	       "00000001\n"
	       "\n"
	       "# mq:5 (mq/sysv, read by test): empty\n");
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

struct entry {
	uint64_t index, value;
	struct ipc_bytes comm;
};

static const struct ipc_field entry_fields[] = {
	IPC_FIELD(entry, index, UINT, "position"),
	IPC_FIELD(entry, value, UINT, "value"),
	IPC_FIELD(entry, comm, STRING, "name"),
};
static const struct ipc_record entry_record = {
	.name = "entry", .size = sizeof(struct entry), .fields = entry_fields, .count = 3};

static void give_entries(void)
{
	static const struct entry entries[] = {
		{.index = 0, .value = 12345678, .comm = {"a\tb\x1b", 4}},
		{.index = 1, .value = IPC_UNKNOWN, .comm = {NULL, 0}},
		{.index = 10, .value = 3, .comm = {"", 0}},
	};
	size_t i;

	for (i = 0; i < 3; i++)
		give(&(struct ipc_piece){.type = IPC_PIECE_ENTRY,
					 .index = entries[i].index,
					 .record = &entry_record,
					 .entry = &entries[i]});
}

static void test_entries(void **state)
{
	(void)state;
	open_object(content_hex_new());
	give_entries();
	expect("# mq:5 (mq/sysv, read by test)\n"
	       "INDEX     VALUE  COMM\n"
	       "    0  12345678  a\\x09b\\x1b\n"
	       "    1         -  -\n"
	       "   10         3  none\n");
	open_object(content_text_new());
	give_entries();
	expect("INDEX     VALUE  COMM\n"
	       "    0  12345678  a\\x09b\\x1b\n"
	       "    1         -  -\n"
	       "   10         3  none\n");
	open_object(content_raw_new());
	give_entries();
	expect("0\t12345678\ta\\x09b\\x1b\n"
	       "1\t\t\n"
	       "10\t3\t\n");
	open_object(content_json_new(true));
	give_entries();
	expect("{\"ref\": \"mq:5\", \"index\": 0, \"value\": 12345678, \"comm\": \"a\\\\x09b\\\\x1b\"}\n"
	       "{\"ref\": \"mq:5\", \"index\": 1, \"value\": null, \"comm\": null}\n"
	       "{\"ref\": \"mq:5\", \"index\": 10, \"value\": 3, \"comm\": \"\"}\n"
	       "{\"ref\": \"mq:5\", \"handle\": \"mq+1:5\", \"class\": \"mq\", \"kind\": \"sysv\", \"source\": \"test\", "
	       "\"unreached\": 0, \"torn\": false, \"cut\": false, \"note\": null, \"error\": null}\n"
	       "{\"end\": true, \"complete\": true, \"errors\": []}\n");
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void test_text(void **state)
{
	(void)state;
	open_object(content_text_new());
	give_bytes(0, "one\ttwo\nthree\r\\\0\033[31m\200", 22);
	expect("one\ttwo\nthree\\x0d\\x5c\\x00\\x1b[31m\\x80");
	open_object(content_text_new());
	give_message(0, "one\n", 4);
	give_message(1, "", 0);
	give_message(2, "two", 3);
	expect("one\n\n\ntwo\n");
}

/* ---- base64 ------------------------------------------------------------------------------------------------------ */

static void test_base64(void **state)
{
	/* RFC 4648, section 10; and what needs the last two digits. */
	static const struct {
		const char *bytes, *wanted;
	} cases[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\373\357\377", "++//"},
		{"\377\376", "//4="},
	};
	struct text out = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_clear(&out);
		base64_append(&out, (const unsigned char *)cases[i].bytes, strlen(cases[i].bytes));
		assert_string_equal(text_cstr(&out), cases[i].wanted);
	}
	text_release(&out);
}

#define LINE_BASE64 "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\n"

/* Lines do not depend on where pieces begin and end. */
static void test_base64_stream(void **state)
{
	(void)state;
	open_object(content_base64_new());
	give_bytes(0, AS, 57);
	expect(LINE_BASE64);
	open_object(content_base64_new());
	give_bytes(0, AS, 1);
	give_bytes(1, AS, 58);
	expect(LINE_BASE64 "YWE=\n");
	open_object(content_base64_new());
	give_bytes(0, "ab", 2);
	give_zeros(2, 4);
	give_bytes(6, "c", 1);
	expect("YWIAAAAAYw==\n");
	open_object(content_base64_new());
	give_message(0, "", 0);
	give_message(1, AS, 64);
	expect("\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ==\n");
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

#define JSON_BEGIN                                                                                          \
	"{\"schema\": 1,\n \"dumps\": [\n  {\"ref\": \"mq:5\", \"handle\": \"mq+1:5\", \"class\": \"mq\", " \
	"\"kind\": \"sysv\", \"contents\": ["
#define JSON_END                                                                                                         \
	"], \"source\": \"test\", \"unreached\": 0, \"torn\": false, \"cut\": false, \"note\": null, \"error\": null}\n" \
	" ],\n \"complete\": true,\n \"errors\": []}\n"

static void test_json_parts(void **state)
{
	(void)state;
	open_object(content_json_new(false));
	expect(JSON_BEGIN JSON_END);
	/* What follows without a gap is one element, wherever the pieces were cut. */
	open_object(content_json_new(false));
	give_bytes(7, "ab", 2);
	give_bytes(9, "\0\"", 2);
	give_zeros(11, 5);
	give_zeros(16, UINT64_C(1) << 40);
	give_bytes((UINT64_C(1) << 40) + 16, "c", 1);
	give_bytes((UINT64_C(1) << 41), "d", 1);
	expect(JSON_BEGIN
	       "\n    {\"offset\": 7, \"length\": 4, \"zero\": false, \"data\": \"ab\\\\x00\\\"\"},"
	       "\n    {\"offset\": 11, \"length\": 1099511627781, \"zero\": true, \"data\": null},"
	       "\n    {\"offset\": 1099511627792, \"length\": 1, \"zero\": false, \"data\": \"c\"},"
	       "\n    {\"offset\": 2199023255552, \"length\": 1, \"zero\": false, \"data\": \"d\"}\n   " JSON_END);
}

/* A part that is full is written; the next one begins behind it. */
static void test_json_long(void **state)
{
	static char data[70000];
	const char *second;

	(void)state;
	memset(data, 'a', sizeof(data));
	open_object(content_json_new(true));
	give_bytes(0, data, 3);
	give_bytes(3, data, sizeof(data) - 3);
	finish();
	assert_non_null(strstr(written.text, "{\"ref\": \"mq:5\", \"offset\": 0, \"length\": 65536, "));
	second = strstr(written.text, "{\"ref\": \"mq:5\", \"offset\": 65536, \"length\": 4464, ");
	assert_non_null(second);
	assert_null(strstr(strchr(second, '\n'), "\"offset\""));
}

static void test_json_messages(void **state)
{
	(void)state;
	open_object(content_json_new(false));
	give_message(0, "hello", 5);
	give_message(1, "", 0);
	give_message(2, "cut", 9);
	give(&(struct ipc_piece){.type = IPC_PIECE_MESSAGE, .index = 3, .length = 4});
	expect(JSON_BEGIN "\n    {\"index\": 0, \"length\": 5, \"truncated\": false, \"data\": \"hello\"},"
			  "\n    {\"index\": 1, \"length\": 0, \"truncated\": false, \"data\": \"\"},"
			  "\n    {\"index\": 2, \"length\": 9, \"truncated\": true, \"data\": \"cut\"},"
			  "\n    {\"index\": 3, \"length\": 4, \"truncated\": true, \"data\": null}\n   " JSON_END);
}

/* ---- raw --------------------------------------------------------------------------------------------------------- */

static void expect_file(int fd, off_t size, off_t at, const char *data, size_t len)
{
	struct stat st;
	char found[16];

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(pread(fd, found, len, at), len);
	assert_memory_equal(found, data, len);
	/* A hole of 1 GiB would be slow to write, and is not. */
	assert_true(st.st_blocks < 4096);
}

static void test_raw_hole(void **state)
{
	const off_t gib = 1 << 30;
	const struct outcome outcome = {.complete = true};
	struct content *content = content_raw_new();
	int fd;

	(void)state;
	open_object(content);
	fd = written.app.out.fd;
	give_bytes(0, "begin", 5);
	give_zeros(5, (uint64_t)gib);
	give_bytes((uint64_t)gib + 5, "end", 3);
	give_zeros((uint64_t)gib + 8, (uint64_t)gib);
	assert_true(content_end(content, &outcome));
	expect_file(fd, 2 * gib + 8, gib + 4, "\0end", 5);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 2 * gib + 8);
	close(fd);
	text_release(&written.app.out.text);
	content_free(content);
}

/* In the middle of a file, and where each write goes to its end, zeros have to be written. */
static void test_raw_no_hole(void **state)
{
	char *old = xcalloc(1, 400000);
	int append, fd;

	(void)state;
	memset(old, 'x', 400000);
	for (append = 0; append < 2; append++) {
		struct content *content = content_raw_new();
		const struct outcome outcome = {.complete = true};
		off_t at = append ? 400000 : 0;
		char found[3];

		open_object(content);
		fd = written.app.out.fd;
		assert_int_equal(write(fd, old, 400000), 400000);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(fcntl(fd, F_SETFL, append ? O_APPEND : 0), 0);
		give_zeros(0, 300000);
		assert_true(content_end(content, &outcome));
		assert_int_equal(pread(fd, found, 2, at), 2);
		assert_memory_equal(found, "\0\0", 2);
		assert_int_equal(pread(fd, found, 2, at + 299999), append ? 1 : 2);
		assert_memory_equal(found, append ? "\0" : "\0x", append ? 1 : 2);
		assert_int_equal(lseek(fd, 0, SEEK_END), append ? 700000 : 400000);
		close(fd);
		text_release(&written.app.out.text);
		content_free(content);
	}
	free(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex_lines),     cmocka_unit_test(test_hex_folding),
		cmocka_unit_test(test_hex_zeros),     cmocka_unit_test(test_hex_gap),
		cmocka_unit_test(test_hex_messages),  cmocka_unit_test(test_hex_headings),
		cmocka_unit_test(test_entries),       cmocka_unit_test(test_text),
		cmocka_unit_test(test_base64),        cmocka_unit_test(test_base64_stream),
		cmocka_unit_test(test_json_parts),    cmocka_unit_test(test_json_long),
		cmocka_unit_test(test_json_messages), cmocka_unit_test(test_raw_hole),
		cmocka_unit_test(test_raw_no_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
