/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and numbers of signals: each way, and back. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ipctool/change.h>

#include "classes/signals.h"

static void names(void **state)
{
	(void)state;
	assert_string_equal(ipc_signal_name(SIGHUP), "HUP");
	assert_string_equal(ipc_signal_name(SIGTERM), "TERM");
	assert_string_equal(ipc_signal_name(SIGSYS), "SYS");
	assert_string_equal(ipc_signal_name(SIGRTMIN), "RTMIN");
	assert_string_equal(ipc_signal_name(SIGRTMIN + 1), "RTMIN+1");
	assert_string_equal(ipc_signal_name(SIGRTMAX - 1), "RTMAX-1");
	assert_string_equal(ipc_signal_name(SIGRTMAX), "RTMAX");
	assert_null(ipc_signal_name(0));
	assert_null(ipc_signal_name(-1));
	assert_null(ipc_signal_name(65));
	assert_null(ipc_signal_name(INT32_MAX));
	assert_null(ipc_signal_name(INT32_MIN));
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int number;
	} good[] = {
		{"TERM", SIGTERM},
		{"SIGTERM", SIGTERM},
		{"term", SIGTERM},
		{"sigTerm", SIGTERM},
		{"15", 15},
		{"0", 0},
		{"1", 1},
		{"64", 64},
		{"007", 7},
		{"IOT", SIGABRT},
		{"SIGPOLL", SIGIO},
		{"cld", SIGCHLD},
		{"32", 32},
		{"SIG32", 32},
		{"SIGUSR1", SIGUSR1},
		{"KILL", SIGKILL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (ipc_signal_number(good[i].text) != good[i].number)
			fail_msg("%s: %d", good[i].text, ipc_signal_number(good[i].text));
	assert_int_equal(ipc_signal_number("RTMIN"), SIGRTMIN);
	assert_int_equal(ipc_signal_number("SIGRTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(ipc_signal_number("rtmin+3"), SIGRTMIN + 3);
	assert_int_equal(ipc_signal_number("RTMAX"), SIGRTMAX);
	assert_int_equal(ipc_signal_number("RTMAX-1"), SIGRTMAX - 1);
	/* Also from the farther end. */
	assert_int_equal(ipc_signal_number("RTMIN+20"), SIGRTMIN + 20);
	assert_int_equal(ipc_signal_number("RTMAX-20"), SIGRTMAX - 20);
}

static void no_signals(void **state)
{
	static const char *const bad[] = {
		"",
		"SIG",
		"SIGSIG",
		"SIGSIGTERM",
		"TERM ",
		" TERM",
		"TERMX",
		"65",
		"-1",
		"+1",
		"1.5",
		"0x9",
		"9 ",
		"SIG15",
		"RTMIN-1",
		"RTMAX+1",
		"RTMIN+",
		"RTMIN+ 1",
		"RTMIN1",
		"RTMIN+31",
		"RTMAX-31",
		"RTMIN++1",
		"RTMIN+-1",
		"RTMIN+1x",
		"RTMIN+99999999999999999999",
		"99999999999999999999",
		"4294967311",
		"SIGRT",
		"RT",
		"NULL",
		"EXIT",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ipc_signal_number(bad[i]) != -EINVAL)
			fail_msg("'%s': %d", bad[i], ipc_signal_number(bad[i]));
}

/* What is printed is taken back, with and without SIG; and no two signals have one name. */
static void round_trip(void **state)
{
	struct ipc_arena arena = {0};
	struct ipc_list list = ipc_signals_list(&arena, ipc_signals_all());
	const struct ipc_bytes *all = list.items;
	char text[32];
	int number;

	(void)state;
	assert_int_equal(list.count, 64);
	for (number = 1; number <= 64; number++) {
		const char *name = ipc_signal_name(number);

		assert_non_null(name);
		snprintf(text, sizeof(text), "SIG%s", name);
		assert_true(ipc_bytes_equal(all[number - 1], ipc_bytes_of(text)));
		assert_int_equal(ipc_signal_number(text), number);
		assert_int_equal(ipc_signal_number(name), number);
	}
	ipc_arena_release(&arena);
}

static void lists(void **state)
{
	struct ipc_arena arena = {0};
	struct ipc_list list = ipc_signals_list(&arena, 0);
	const struct ipc_bytes *names;

	(void)state;
	assert_non_null(list.items);
	assert_int_equal(list.count, 0);
	list = ipc_signals_list(&arena, IPC_SIGNAL_BIT(SIGUSR1) | IPC_SIGNAL_BIT(64) | IPC_SIGNAL_BIT(1));
	names = list.items;
	assert_int_equal(list.count, 3);
	assert_true(ipc_bytes_equal(names[0], IPC_BYTES("SIGHUP")));
	assert_true(ipc_bytes_equal(names[1], IPC_BYTES("SIGUSR1")));
	assert_true(ipc_bytes_equal(names[2], IPC_BYTES("SIGRTMAX")));
	ipc_arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),      cmocka_unit_test(numbers), cmocka_unit_test(no_signals),
		cmocka_unit_test(round_trip), cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
