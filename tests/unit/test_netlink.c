/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock_diag dumps: control messages, broken answers, interrupted dumps, attributes, and a live socket. */
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "context.h"
#include "diag.h"
#include "sources/netlink.h"

struct seen {
	unsigned count;
	unsigned stop_at; /* 0: never */
	uint32_t sum;
};

static int count(const struct nlmsghdr *nlh, void *data)
{
	struct seen *seen = data;
	uint32_t value;

	memcpy(&value, (const char *)nlh + sizeof(*nlh), sizeof(value));
	seen->sum += value;
	seen->count++;
	return seen->count == seen->stop_at ? 42 : 0;
}

static int dump(struct diag_fixture *fx, struct seen *seen)
{
	struct ipc_diag *diag;
	int r;

	assert_int_equal(ipc_diag_open(fx->ctx, &diag), 0);
	r = ipc_diag_dump(diag, "test", "", 0, sizeof(uint32_t), count, seen);
	ipc_diag_close(diag);
	return r;
}

static void number(struct diag_bytes *bytes, uint32_t value, uint16_t flags)
{
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, flags, &value, sizeof(value));
}

static void whole(void **state)
{
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct seen seen = {0};

	number(bytes, 1, 0);
	diag_message(bytes, NLMSG_NOOP, 0, NULL, 0);
	number(bytes, 2, 0);
	diag_done(bytes, 0);
	number(bytes, 4, 0); /* behind the end: not of this dump */
	diag_write(*state, "test", bytes);
	assert_int_equal(dump(*state, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.sum, 3);
	free(bytes);
}

static void stopped(void **state)
{
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct seen seen = {.stop_at = 2};

	number(bytes, 1, 0);
	number(bytes, 2, 0);
	number(bytes, 4, 0);
	diag_done(bytes, 0);
	diag_write(*state, "test", bytes);
	assert_int_equal(dump(*state, &seen), 42);
	assert_int_equal(seen.sum, 3);
	free(bytes);
}

static void errors(void **state)
{
	static const struct {
		uint16_t type;
		int error;
		int expected;
	} cases[] = {
		{NLMSG_DONE, -ENOENT, -ENOENT}, {NLMSG_ERROR, -EOPNOTSUPP, -EOPNOTSUPP}, {NLMSG_ERROR, 0, 0},
		{NLMSG_ERROR, 5, -5},           {NLMSG_DONE, INT32_MIN, -EBADMSG},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
		struct seen seen = {0};

		diag_message(bytes, cases[i].type, 0, &cases[i].error, sizeof(cases[i].error));
		diag_write(*state, "test", bytes);
		assert_int_equal(dump(*state, &seen), cases[i].expected);
		free(bytes);
	}
}

static void missing(void **state)
{
	struct seen seen = {0};

	assert_int_equal(dump(*state, &seen), -ENOENT);
}

static void interrupted(void **state)
{
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct seen seen = {0};

	number(bytes, 1, 0);
	number(bytes, 2, NLM_F_DUMP_INTR);
	diag_done(bytes, 0);
	diag_write(*state, "test", bytes);
	assert_int_equal(dump(*state, &seen), IPC_DIAG_PARTIAL);
	assert_int_equal(seen.count, 2);
	free(bytes);
}

/* Whatever breaks off or lies about its length is not read past. */
static void broken(void **state)
{
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct seen seen = {0};

	number(bytes, 1, 0);
	number(bytes, 2, 0);
	bytes->len -= 6;
	diag_write(*state, "test", bytes);
	assert_int_equal(dump(*state, &seen), -EBADMSG);
	assert_int_equal(seen.count, 1);

	bytes->len = 0;
	number(bytes, 1, 0);
	bytes->message->nlmsg_len = 3;
	diag_write(*state, "test", bytes);
	assert_int_equal(dump(*state, &seen), -EBADMSG);
	bytes->message->nlmsg_len = UINT32_MAX;
	diag_write(*state, "test", bytes);
	assert_int_equal(dump(*state, &seen), -EBADMSG);
	assert_int_equal(seen.count, 1);

	/* Shorter than asked for: left out. */
	bytes->len = 0;
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, "ab", 2);
	number(bytes, 8, 0);
	diag_done(bytes, 0);
	diag_write(*state, "test", bytes);
	assert_int_equal(dump(*state, &seen), 0);
	assert_int_equal(seen.count, 2);
	free(bytes);
}

static void attributes(void **state)
{
	static const uint16_t least[4] = {0, 4, 4, 0};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	const struct nlattr *table[4], *first;
	uint32_t fixed = 0;

	(void)state;
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &fixed, sizeof(fixed));
	diag_attribute(bytes, 0, "", 0);
	diag_attribute(bytes, 1, "abc", 3);   /* too short for its type */
	diag_attribute(bytes, 2, "first", 5); /* the first of two */
	diag_attribute(bytes, 2, "second", 6);
	diag_attribute(bytes, 9, "unknown", 7);
	diag_attribute(bytes, 3, "last", 4);
	ipc_diag_attributes(bytes->message, sizeof(fixed), table, least, 4);
	assert_non_null(table[0]);
	assert_null(table[1]);
	assert_non_null(table[2]);
	assert_memory_equal((const char *)table[2] + 4, "first", 5);
	assert_non_null(table[3]);

	/* One that reaches beyond the message hides what is behind it, and nothing is read there. */
	first = table[2];
	((struct nlattr *)first)->nla_len = 200;
	ipc_diag_attributes(bytes->message, sizeof(fixed), table, least, 4);
	assert_non_null(table[0]);
	assert_null(table[2]);
	assert_null(table[3]);
	((struct nlattr *)first)->nla_len = 1;
	ipc_diag_attributes(bytes->message, sizeof(fixed), table, least, 4);
	assert_null(table[2]);

	/* No room for the fixed part. */
	ipc_diag_attributes(bytes->message, 4096, table, least, 4);
	assert_null(table[0]);
	free(bytes);
}

static int count_unix(const struct nlmsghdr *nlh, void *data)
{
	struct seen *seen = data;

	(void)nlh;
	seen->count++;
	return seen->count == seen->stop_at ? 42 : 0;
}

/* More sockets than are held back, a dump that is left in the middle, and the next one on the same socket. */
static void live(void **state)
{
	const struct unix_diag_req request = {
		.sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_show = UDIAG_SHOW_NAME};
	struct seen all = {0}, some = {.stop_at = 2}, again = {0};
	struct ipc_diag *diag;
	struct ipc_ctx *ctx;
	int pairs[32][2];
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < 32; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
	assert_int_equal(ipc_ctx_new(&ctx), 0);
	r = ipc_diag_open(ctx, &diag);
	if (r == 0) {
		assert_int_not_equal(ipc_diag_port(diag), 0);
		r = ipc_diag_dump(diag, "unix", &request, sizeof(request), sizeof(struct unix_diag_msg), count_unix,
				  &all);
	}
	if (r == -EPERM || r == -EACCES || r == -EPROTONOSUPPORT || r == -ENOENT)
		skip();
	assert_int_equal(r, 0);
	assert_true(all.count >= 64);
	assert_int_equal(
		ipc_diag_dump(diag, "unix", &request, sizeof(request), sizeof(struct unix_diag_msg), count_unix, &some),
		42);
	assert_int_equal(ipc_diag_dump(diag, "unix", &request, sizeof(request), sizeof(struct unix_diag_msg),
				       count_unix, &again),
			 0);
	assert_true(again.count >= 64);
	ipc_diag_close(diag);
	ipc_ctx_unref(ctx);
	for (i = 0; i < 32; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(stopped, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(errors, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(missing, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(interrupted, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(broken, diag_setup, diag_teardown),
		cmocka_unit_test(attributes),
		cmocka_unit_test(live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
