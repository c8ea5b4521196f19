/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pieces a dump hands over: lib/dump.c trims what a kind gives to what was asked for. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "classes/contents.h"
#include "context.h"

/* Byte N of an object is the letter that belongs to N. */
static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

#define MOST 16

struct taken {
	struct ipc_piece pieces[MOST];
	size_t count;
	int answer; /* what the receiver returns */
};

static int take(const struct ipc_piece *piece, void *data)
{
	struct taken *taken = data;

	assert_true(taken->count < MOST);
	taken->pieces[taken->count++] = *piece;
	return taken->answer;
}

/* As ipc_object_dump() fills it. */
static struct ipc_dumping dumping_of(struct taken *taken, struct ipc_dump_how how)
{
	*taken = (struct taken){0};
	how.length = how.length ? how.length : UINT64_MAX;
	how.count = how.count ? how.count : UINT64_MAX;
	return (struct ipc_dumping){.how = how, .fn = take, .data = taken};
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static void expect_bytes(const struct ipc_piece *piece, uint64_t offset, const char *data)
{
	assert_int_equal(piece->type, IPC_PIECE_BYTES);
	assert_int_equal(piece->offset, offset);
	assert_int_equal(piece->length, strlen(data));
	assert_int_equal(piece->data.len, strlen(data));
	assert_memory_equal(piece->data.data, data, strlen(data));
}

/* Of the ten bytes at offset 10 alone. */
static void test_range(void **state)
{
	static const struct {
		uint64_t offset, length; /* asked for */
		int r;
		uint64_t at;
		const char *data; /* NULL: nothing is handed over */
	} cases[] = {
		{0, 0, 0, 10, "klmnopqrst"},
		{0, 5, IPC_DUMP_ENOUGH, 0, NULL},
		{0, 10, IPC_DUMP_ENOUGH, 0, NULL},
		{0, 11, IPC_DUMP_ENOUGH, 10, "k"},
		{0, 19, IPC_DUMP_ENOUGH, 10, "klmnopqrs"},
		{0, 20, IPC_DUMP_ENOUGH, 10, "klmnopqrst"},
		{0, 21, 0, 10, "klmnopqrst"},
		{9, 1, IPC_DUMP_ENOUGH, 0, NULL},
		{9, 2, IPC_DUMP_ENOUGH, 10, "k"},
		{10, 0, 0, 10, "klmnopqrst"},
		{10, 1, IPC_DUMP_ENOUGH, 10, "k"},
		{10, 10, IPC_DUMP_ENOUGH, 10, "klmnopqrst"},
		{10, 11, 0, 10, "klmnopqrst"},
		{12, 3, IPC_DUMP_ENOUGH, 12, "mno"},
		{19, 0, 0, 19, "t"},
		{19, 1, IPC_DUMP_ENOUGH, 19, "t"},
		{20, 0, 0, 0, NULL},
		{20, 1, 0, 0, NULL},
		{1000, 1, 0, 0, NULL},
		{UINT64_MAX, 1, 0, 0, NULL},
		{UINT64_MAX, UINT64_MAX, 0, 0, NULL},
		{15, UINT64_MAX, 0, 15, "pqrst"},
		{15, UINT64_MAX - 1, 0, 15, "pqrst"},
	};
	struct taken taken;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipc_dumping dumping =
			dumping_of(&taken, (struct ipc_dump_how){.offset = cases[i].offset, .length = cases[i].length});

		assert_int_equal(ipc_dumping_bytes(&dumping, 10, (struct ipc_bytes){letters + 10, 10}), cases[i].r);
		assert_int_equal(taken.count, cases[i].data ? 1 : 0);
		if (cases[i].data)
			expect_bytes(&taken.pieces[0], cases[i].at, cases[i].data);

		/* Zeros are trimmed in the same way. */
		dumping =
			dumping_of(&taken, (struct ipc_dump_how){.offset = cases[i].offset, .length = cases[i].length});
		assert_int_equal(ipc_dumping_zeros(&dumping, 10, 10), cases[i].r);
		assert_int_equal(taken.count, cases[i].data ? 1 : 0);
		if (!cases[i].data)
			continue;
		assert_int_equal(taken.pieces[0].type, IPC_PIECE_ZEROS);
		assert_null(taken.pieces[0].data.data);
		assert_int_equal(taken.pieces[0].offset, cases[i].at);
		assert_int_equal(taken.pieces[0].length, strlen(cases[i].data));
	}
}

/* However an object is cut into pieces, every range of it gives the same bytes. */
static void test_any_pieces(void **state)
{
	uint64_t offset, length;
	size_t size, at, filled, i;

	(void)state;
	for (size = 1; size <= 7; size++) {
		for (offset = 0; offset <= 26; offset++) {
			for (length = 1; length <= 27; length++) {
				uint64_t wanted = offset + length > 26 ? 26 - offset : length;
				struct taken taken;
				struct ipc_dumping dumping =
					dumping_of(&taken, (struct ipc_dump_how){.offset = offset, .length = length});
				char given[26];
				int r = 0;

				filled = 0;
				for (at = 0; at < 26 && !r; at += size) {
					size_t len = at + size > 26 ? 26 - at : size;

					taken.count = 0;
					r = ipc_dumping_bytes(&dumping, at, (struct ipc_bytes){letters + at, len});
					for (i = 0; i < taken.count; i++) {
						assert_int_equal(taken.pieces[i].offset, offset + filled);
						memcpy(given + filled, taken.pieces[i].data.data,
						       taken.pieces[i].data.len);
						filled += taken.pieces[i].data.len;
					}
				}
				assert_int_equal(filled, wanted);
				assert_memory_equal(given, letters + offset, wanted);
				assert_int_equal(r, offset + length <= 26 ? IPC_DUMP_ENOUGH : 0);
			}
		}
	}
}

static void test_huge(void **state)
{
	const uint64_t tib = UINT64_C(1) << 40;
	struct taken taken;
	struct ipc_dumping dumping = dumping_of(&taken, (struct ipc_dump_how){.offset = tib, .length = 2 * tib});

	(void)state;
	assert_int_equal(ipc_dumping_zeros(&dumping, 0, tib), 0);
	assert_int_equal(taken.count, 0);
	assert_int_equal(ipc_dumping_zeros(&dumping, tib - 1, tib), 0);
	assert_int_equal(taken.pieces[0].offset, tib);
	assert_int_equal(taken.pieces[0].length, tib - 1);
	assert_int_equal(ipc_dumping_zeros(&dumping, 2 * tib - 1, 5 * tib), IPC_DUMP_ENOUGH);
	assert_int_equal(taken.pieces[1].offset, 2 * tib - 1);
	assert_int_equal(taken.pieces[1].length, tib + 1);
}

static void test_nothing(void **state)
{
	struct taken taken;
	struct ipc_dumping dumping = dumping_of(&taken, (struct ipc_dump_how){0});

	(void)state;
	assert_int_equal(ipc_dumping_bytes(&dumping, 0, (struct ipc_bytes){letters, 0}), 0);
	assert_int_equal(ipc_dumping_zeros(&dumping, 5, 0), 0);
	assert_int_equal(taken.count, 0);
}

/* ---- choices ----------------------------------------------------------------------------------------------------- */

static const struct ipc_field number_fields[] = {
	{.name = "number", .type = IPC_TYPE_UINT, .offset = 0, .help = "a number"},
};
static const struct ipc_record number_record = {
	.name = "number", .size = sizeof(uint64_t), .fields = number_fields, .count = 1};

static void expect_message(const struct ipc_piece *piece, uint64_t index)
{
	struct ipc_value value;

	assert_int_equal(piece->type, IPC_PIECE_MESSAGE);
	assert_int_equal(piece->index, index);
	assert_int_equal(piece->length, 5);
	assert_int_equal(piece->data.len, 3);
	assert_memory_equal(piece->data.data, letters + index, 3);
	ipc_piece_get(piece, &number_fields[0], &value);
	assert_false(value.null);
}

static void test_choice(void **state)
{
	static const struct {
		uint64_t first, count, given;
		int r; /* of the message at which it ends */
	} cases[] = {
		{0, 0, 4, 0},
		{0, 1, 1, IPC_DUMP_ENOUGH},
		{1, 2, 2, IPC_DUMP_ENOUGH},
		{3, 1, 1, IPC_DUMP_ENOUGH},
		{3, 2, 1, 0},
		{3, 0, 1, 0},
		{4, 1, 0, 0},
		{UINT64_MAX, 1, 0, 0},
		{2, UINT64_MAX, 2, 0},
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct taken taken, entries;
		const struct ipc_dump_how how = {.first = cases[i].first, .count = cases[i].count};
		struct ipc_dumping dumping = dumping_of(&taken, how), of_entries = dumping_of(&entries, how);
		uint64_t index, number = 7;
		int r = 0;

		for (index = 0; index < 4 && !r; index++) {
			r = ipc_dumping_message(&dumping, index, 5, (struct ipc_bytes){letters + index, 3},
						&number_record, &number);
			assert_int_equal(ipc_dumping_entry(&of_entries, index, NULL, NULL), r);
		}
		assert_int_equal(r, cases[i].r);
		assert_int_equal(taken.count, cases[i].given);
		assert_int_equal(entries.count, cases[i].given);
		for (j = 0; j < taken.count; j++) {
			expect_message(&taken.pieces[j], cases[i].first + j);
			assert_int_equal(entries.pieces[j].type, IPC_PIECE_ENTRY);
			assert_int_equal(entries.pieces[j].index, cases[i].first + j);
		}
	}
}

/* What comes after the last one that was wanted is not handed over, should a kind go on. */
static void test_beyond(void **state)
{
	struct taken taken;
	struct ipc_dumping dumping = dumping_of(&taken, (struct ipc_dump_how){.first = 1, .count = 1});

	(void)state;
	assert_int_equal(ipc_dumping_entry(&dumping, 2, NULL, NULL), IPC_DUMP_ENOUGH);
	assert_int_equal(taken.count, 0);
}

/* A range is not about messages, nor a choice about bytes. */
static void test_apart(void **state)
{
	struct taken taken;
	struct ipc_dumping dumping = dumping_of(&taken, (struct ipc_dump_how){.offset = 1, .length = 1});

	(void)state;
	assert_int_equal(ipc_dumping_message(&dumping, 9, 5, (struct ipc_bytes){letters, 3}, NULL, NULL), 0);
	assert_int_equal(taken.pieces[0].data.len, 3);
	dumping = dumping_of(&taken, (struct ipc_dump_how){.first = 1, .count = 1});
	assert_int_equal(ipc_dumping_bytes(&dumping, 0, (struct ipc_bytes){letters, 26}), 0);
	expect_bytes(&taken.pieces[0], 0, letters);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void test_answer(void **state)
{
	struct taken taken;
	struct ipc_dumping dumping = dumping_of(&taken, (struct ipc_dump_how){.length = 3, .count = 1});

	(void)state;
	taken.answer = 42;
	assert_int_equal(ipc_dumping_bytes(&dumping, 0, (struct ipc_bytes){letters, 3}), 42);
	assert_int_equal(ipc_dumping_zeros(&dumping, 0, 3), 42);
	assert_int_equal(ipc_dumping_message(&dumping, 0, 0, (struct ipc_bytes){letters, 0}, NULL, NULL), 42);
	assert_int_equal(ipc_dumping_entry(&dumping, 0, NULL, NULL), 42);
	taken.answer = -EIO;
	assert_int_equal(ipc_dumping_bytes(&dumping, 0, (struct ipc_bytes){letters, 3}), -EIO);
}

static void test_foreign_field(void **state)
{
	uint64_t number = 7;
	const struct ipc_piece with = {.record = &number_record, .entry = &number}, without = {0};
	const struct ipc_field other = {.name = "number", .type = IPC_TYPE_SIZE};
	struct ipc_value value;

	(void)state;
	ipc_piece_get(&with, &number_fields[0], &value);
	assert_false(value.null);
	assert_int_equal(value.u, 7);
	ipc_piece_get(&with, &other, &value);
	assert_true(value.null);
	assert_int_equal(value.type, IPC_TYPE_SIZE);
	ipc_piece_get(&without, &number_fields[0], &value);
	assert_true(value.null);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int dump_letters(struct ipc_dumping *dumping)
{
	int r;

	dumping->result->source = "letters";
	r = ipc_dumping_bytes(dumping, 0, (struct ipc_bytes){letters, 13});
	return r ? r : ipc_dumping_bytes(dumping, 13, (struct ipc_bytes){letters + 13, 13});
}

static int dump_badly(struct ipc_dumping *dumping)
{
	dumping->result->unreached = 3;
	return ipc_ctx_fail(dumping->ctx, -EACCES, "no");
}

static const struct ipc_contents letters_contents = {.takes = IPC_DUMP_RANGE, .dump = dump_letters};
static const struct ipc_contents message_contents = {.takes = IPC_DUMP_MESSAGES | IPC_DUMP_DRAIN, .dump = dump_badly};
static const struct ipc_contents no_contents = {.refuse = "there is nothing", .takes = IPC_DUMP_RANGE};
static const struct ipc_kind letters_kind = {.name = "letters", .contents = &letters_contents};
static const struct ipc_kind message_kind = {.name = "message", .contents = &message_contents};
static const struct ipc_kind no_kind = {.name = "no", .contents = &no_contents};

static void test_dump(void **state)
{
	const struct ipc_object object = {.of_kind = &letters_kind};
	const struct ipc_dump_how how = {.offset = 10, .length = 6};
	struct ipc_dump_result result;
	struct taken taken = {.count = 0};
	struct ipc_ctx *ctx = NULL;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_int_equal(ipc_object_dump(ctx, &object, NULL, take, &taken, NULL), 0);
	assert_int_equal(taken.count, 2);
	taken.count = 0;
	assert_int_equal(ipc_object_dump(ctx, &object, &how, take, &taken, &result), 0);
	assert_int_equal(taken.count, 2);
	expect_bytes(&taken.pieces[0], 10, "klm");
	expect_bytes(&taken.pieces[1], 13, "nop");
	assert_string_equal(result.source, "letters");
	assert_int_equal(result.unreached, 0);
	assert_false(result.torn);
	taken = (struct taken){.answer = 5};
	assert_int_equal(ipc_object_dump(ctx, &object, &how, take, &taken, &result), 5);
	assert_int_equal(taken.count, 1);
	ipc_ctx_unref(ctx);
}

static void test_failure(void **state)
{
	const struct ipc_object object = {.of_kind = &message_kind}, none = {.of_kind = &no_kind};
	struct ipc_dump_result result;
	struct taken taken = {.count = 0};
	struct ipc_ctx *ctx = NULL;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	assert_int_equal(ipc_object_dump(ctx, &object, NULL, take, &taken, &result), -EACCES);
	assert_string_equal(ipc_ctx_error(ctx), "no");
	assert_int_equal(result.unreached, 3);
	assert_int_equal(ipc_object_dump(ctx, &none, NULL, take, &taken, &result), -ENOTSUP);
	assert_string_equal(ipc_ctx_error(ctx), "there is nothing");
	assert_string_equal(result.source, "");
	assert_int_equal(ipc_kind_dump_takes(&no_kind), 0);
	assert_int_equal(ipc_kind_dump_takes(&letters_kind), IPC_DUMP_RANGE);
	ipc_ctx_unref(ctx);
}

/* What a kind does not take is refused with a sentence of its own before anything is read. */
static void test_refused(void **state)
{
	static const struct {
		const struct ipc_kind *kind;
		struct ipc_dump_how how;
		const char *why;
	} cases[] = {
		{&letters_kind, {.flags = IPC_DUMP_ATTACH}, "only System V segments can be attached"},
		{&letters_kind, {.flags = IPC_DUMP_DRAIN}, "only POSIX queues can be drained"},
		{&letters_kind, {.flags = IPC_DUMP_PEEK_OFFSET}, "only sockets have a peek offset"},
		{&letters_kind, {.flags = IPC_DUMP_PTRACE}, "only the signals of a process can be read by ptrace"},
		{&letters_kind, {.count = 1}, "it has no messages to choose from"},
		{&letters_kind, {.first = 1}, "it has no messages to choose from"},
		{&message_kind, {.offset = 1}, "it is no row of bytes, and so has no offsets"},
		{&message_kind, {.length = 1}, "it is no row of bytes, and so has no offsets"},
		{&message_kind,
		 {.flags = IPC_DUMP_DRAIN | IPC_DUMP_PTRACE},
		 "only the signals of a process can be read by ptrace"},
	};
	struct taken taken = {.count = 0};
	struct ipc_ctx *ctx = NULL;
	size_t i;

	(void)state;
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ipc_object object = {.of_kind = cases[i].kind};

		assert_int_equal(ipc_object_dump(ctx, &object, &cases[i].how, take, &taken, NULL), -EINVAL);
		assert_string_equal(ipc_ctx_error(ctx), cases[i].why);
	}
	assert_int_equal(taken.count, 0);
	ipc_ctx_unref(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),   cmocka_unit_test(test_any_pieces), cmocka_unit_test(test_huge),
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_choice),     cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_apart),   cmocka_unit_test(test_answer),     cmocka_unit_test(test_foreign_field),
		cmocka_unit_test(test_dump),    cmocka_unit_test(test_failure),    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
