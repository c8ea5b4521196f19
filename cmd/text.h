/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing text. Without memory the program ends: a command has nothing better to do. */
#ifndef CMD_TEXT_H
#define CMD_TEXT_H

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <ipctool/ipctool.h>

/* Zero-initialised is empty. */
struct text {
	char *data;
	size_t len;
	size_t room;
};

/* Room for @more bytes that it does not have. */
void text_grow(struct text *text, size_t more);

/* Make room for @more bytes, and return where they go. Asked for each value of each object: mostly the room is there. */
static inline char *text_reserve(struct text *text, size_t more)
{
	if (more >= text->room - text->len)
		text_grow(text, more);
	return text->data + text->len;
}

void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vformat(struct text *text, const char *format, va_list args);
void text_uint(struct text *text, uint64_t number);
void text_int(struct text *text, int64_t number);
/* @number with at least @digits digits, of which 20 are the most. */
void text_padded(struct text *text, uint64_t number, unsigned digits);
/* The two digits of @number, less than 100, to @at; returns what is behind them. */
static inline char *text_pair(char *at, uint64_t number)
{
	extern const char text_pairs[201];

	memcpy(at, text_pairs + 2 * number, 2);
	return at + 2;
}

/* Bytes of the kernel, escaped with ipc_escape(). */
void text_escaped(struct text *text, struct ipc_bytes bytes);
/*
 * Text of the library or of the user: only bytes that do not print are escaped. Backslashes stay, because what they
 * stand for is escaped already.
 */
void text_safe(struct text *text, const char *string);
/* The content as a C string. */
const char *text_cstr(struct text *text);
void text_release(struct text *text);

static inline void text_bytes(struct text *text, const char *data, size_t len)
{
	if (len) {
		memcpy(text_reserve(text, len), data, len);
		text->len += len;
	}
}

static inline void text_string(struct text *text, const char *string)
{
	text_bytes(text, string, strlen(string));
}

static inline void text_char(struct text *text, char c)
{
	*text_reserve(text, 1) = c;
	text->len++;
}

static inline void text_clear(struct text *text)
{
	text->len = 0;
}

/* Ends the program. */
void text_no_memory(void) __attribute__((noreturn));
/* calloc, realloc and strdup that end the program without memory. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *at, size_t size);
char *xstrdup(const char *string);

#endif
