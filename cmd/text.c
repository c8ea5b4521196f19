/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing text, and memory that is there or ends the program. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codes.h"
#include "text.h"

#define DIGITS_MOST 20 /* of 64 bits */

void text_no_memory(void)
{
	static const char message[] = "ipctool: out of memory\n";
	ssize_t n = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)n; /* where should a failure be told? */
	_exit(CODE_FAILED);
}

static void *checked(void *at)
{
	if (!at)
		text_no_memory();
	return at;
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *at, size_t size)
{
	return checked(realloc(at, size ? size : 1));
}

char *xstrdup(const char *string)
{
	return checked(strdup(string));
}

void text_grow(struct text *text, size_t more)
{
	size_t room = text->room ? text->room : 64;

	while (room - text->len <= more && room <= SIZE_MAX / 2)
		room *= 2;
	/* No memory has room for it. */
	if (room - text->len <= more)
		room = SIZE_MAX;
	text->data = xrealloc(text->data, room);
	text->room = room;
}

void text_vformat(struct text *text, const char *format, va_list args)
{
	va_list again;
	int need;

	va_copy(again, args);
	/* text_format() started it, which the analyzer does not see */
	need = vsnprintf(NULL, 0, format, args); // NOLINT(clang-analyzer-valist.Uninitialized)
	if (need > 0) {
		vsnprintf(text_reserve(text, (size_t)need + 1), (size_t)need + 1, format, again);
		text->len += (size_t)need;
	}
	va_end(again);
}

void text_format(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vformat(text, format, args);
	va_end(args);
}

/* All numbers of two digits, one behind the other: half as many divisions as digit by digit. */
const char text_pairs[] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
	"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* 0 has one digit as well. */
static unsigned count_digits(uint64_t number)
{
	uint64_t least = 10;
	unsigned count = 1;

	while (number >= least && count < DIGITS_MOST) {
		count++;
		least *= 10; /* wraps where nothing is left to be compared */
	}
	return count;
}

void text_padded(struct text *text, uint64_t number, unsigned digits)
{
	char *at = text_reserve(text, DIGITS_MOST);
	unsigned count = count_digits(number), i;

	if (count < digits)
		count = digits;
	for (i = count; i > 1; i -= 2) {
		text_pair(at + i - 2, number % 100);
		number /= 100;
	}
	if (i)
		*at = (char)('0' + number);
	text->len += count;
}

void text_uint(struct text *text, uint64_t number)
{
	text_padded(text, number, 1);
}

void text_int(struct text *text, int64_t number)
{
	if (number < 0)
		text_char(text, '-');
	text_uint(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void text_escaped(struct text *text, struct ipc_bytes bytes)
{
	size_t room = bytes.len * 4 + 1; /* \xHH for each byte, and the terminator */

	if (bytes.data)
		text->len += ipc_escape(bytes.data, bytes.len, text_reserve(text, room), room);
}

void text_safe(struct text *text, const char *string)
{
	while (*string) {
		size_t plain = 0;

		while (string[plain] >= ' ' && string[plain] <= '~')
			plain++;
		text_bytes(text, string, plain);
		string += plain;
		if (*string)
			text_escaped(text, (struct ipc_bytes){string++, 1});
	}
}

const char *text_cstr(struct text *text)
{
	*text_reserve(text, 1) = '\0';
	return text->data;
}

void text_release(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}
