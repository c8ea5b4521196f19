// SPDX-License-Identifier: LGPL-2.1-or-later
/* Byte strings: comparison, a growing buffer, and the \xHH escape of names. */
#include "model/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ipc_bytes ipc_bytes_of(const char *text)
{
	return (struct ipc_bytes){text, text ? strlen(text) : 0};
}

bool ipc_bytes_equal(struct ipc_bytes a, struct ipc_bytes b)
{
	return a.len == b.len && ipc_bytes_compare(a, b) == 0;
}

int ipc_bytes_compare(struct ipc_bytes a, struct ipc_bytes b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order;

	if (!a.data || !b.data)
		return (a.data != NULL) - (b.data != NULL);
	order = common ? memcmp(a.data, b.data, common) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool ipc_bytes_starts(struct ipc_bytes bytes, const char *prefix)
{
	size_t len = strlen(prefix);

	return bytes.data && bytes.len >= len && memcmp(bytes.data, prefix, len) == 0;
}

bool ipc_bytes_ends(struct ipc_bytes bytes, const char *suffix)
{
	size_t len = strlen(suffix);

	return bytes.data && bytes.len >= len && memcmp(bytes.data + bytes.len - len, suffix, len) == 0;
}

int ipc_buf_grow(struct ipc_buf *buf, size_t more)
{
	size_t room = buf->room ? buf->room : 64;
	char *data;

	/* One byte more than asked for: the terminator. */
	if (more >= SIZE_MAX / 4 - buf->len)
		return -ENOMEM;
	while (room < buf->len + more + 1)
		room *= 2;
	data = realloc(buf->data, room);
	if (!data)
		return -ENOMEM;
	buf->data = data;
	buf->room = room;
	buf->data[buf->len] = '\0';
	return 0;
}

int ipc_buf_append(struct ipc_buf *buf, const void *data, size_t len)
{
	int error = ipc_buf_reserve(buf, len);

	if (error)
		return error;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int ipc_buf_format(struct ipc_buf *buf, const char *format, ...)
{
	/* Room for most texts, so that most are formatted once. */
	int error = ipc_buf_reserve(buf, 32);
	va_list args;
	int len;

	if (error)
		return error;
	va_start(args, format);
	len = vsnprintf(buf->data + buf->len, buf->room - buf->len, format, args);
	va_end(args);
	if (len >= 0 && (size_t)len >= buf->room - buf->len) {
		buf->data[buf->len] = '\0';
		error = ipc_buf_reserve(buf, (size_t)len);
		if (error)
			return error;
		va_start(args, format);
		len = vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	if (len < 0) {
		buf->data[buf->len] = '\0';
		return -ENOMEM;
	}
	buf->len += (size_t)len;
	return 0;
}

void ipc_buf_clear(struct ipc_buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

void ipc_buf_release(struct ipc_buf *buf)
{
	free(buf->data);
	*buf = (struct ipc_buf){0};
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

#define EACH(byte) (UINT64_MAX / 255 * (byte))

/* The same of eight bytes at once: the high bit of each tells whether something is amiss with it, or with one before it. */
static bool are_plain(uint64_t bytes)
{
	uint64_t backslash = bytes ^ EACH('\\');

	return !((bytes | (bytes + EACH(1)) | ((bytes - EACH(0x20)) & ~bytes) | ((backslash - EACH(1)) & ~backslash)) &
		 EACH(0x80));
}

/*
 * Copy @data when all of it stands for itself, as nearly all texts do: in pieces of eight bytes, of which the last one overlaps
 * the one before it. False: what @out has now is of no use.
 */
static bool copy_plain(const char *data, size_t len, char *out)
{
	uint64_t piece;
	uint32_t front, back;
	size_t i;

	if (len >= sizeof(piece)) {
		for (i = 0; i < len; i += sizeof(piece)) {
			size_t at = i + sizeof(piece) <= len ? i : len - sizeof(piece);

			memcpy(&piece, data + at, sizeof(piece));
			if (!are_plain(piece))
				return false;
			memcpy(out + at, &piece, sizeof(piece));
		}
		return true;
	}
	if (len >= sizeof(front)) {
		memcpy(&front, data, sizeof(front));
		memcpy(&back, data + len - sizeof(back), sizeof(back));
		memcpy(out, &front, sizeof(front));
		memcpy(out + len - sizeof(back), &back, sizeof(back));
		return are_plain((uint64_t)front << 32 | back);
	}
	for (i = 0; i < len; i++) {
		out[i] = data[i];
		if (!is_plain((unsigned char)data[i]))
			return false;
	}
	return true;
}

/* The same as ipc_escape(), one byte after the other. */
static size_t escape_each(const char *data, size_t len, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t need = 0;
	size_t end = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		bool plain = is_plain(c);
		size_t width = plain ? 1 : 4;

		/* An escape that does not fit whole is left out, and so is all that follows. */
		if (out && end == need && need + width < size) {
			if (plain)
				out[end] = (char)c;
			else
				memcpy(out + end, (char[]){'\\', 'x', digits[c >> 4], digits[c & 15]}, 4);
			end += width;
		}
		need += width;
	}
	if (out && size)
		out[end] = '\0';
	return need;
}

size_t ipc_escape(const char *data, size_t len, char *out, size_t size)
{
	if (!out || len >= size || !copy_plain(data, len, out))
		return escape_each(data, len, out, size);
	out[len] = '\0';
	return len;
}

char *ipc_put_uint(char *at, uint64_t number)
{
	/* All numbers of two digits, one behind the other: half as many divisions as digit by digit. */
	static const char pairs[] =
		"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
		"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
	uint64_t least = 10;
	unsigned count = 1, i;

	while (number >= least && count < IPC_UINT_MOST) {
		count++;
		least *= 10; /* wraps where nothing is left to be compared */
	}
	for (i = count; i > 1; i -= 2) {
		memcpy(at + i - 2, pairs + 2 * (number % 100), 2);
		number /= 100;
	}
	if (i)
		*at = (char)('0' + number);
	return at + count;
}

char *ipc_put_int(char *at, int64_t number)
{
	if (number < 0)
		*at++ = '-';
	return ipc_put_uint(at, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

char *ipc_put_hex(char *at, uint64_t number, unsigned digits)
{
	while (digits < 16 && number >> 4 * digits)
		digits++;
	*at++ = '0';
	*at++ = 'x';
	for (unsigned i = digits; i; number >>= 4)
		at[--i] = "0123456789abcdef"[number & 15];
	return at + digits;
}

int ipc_buf_escape(struct ipc_buf *buf, struct ipc_bytes bytes)
{
	size_t need = ipc_escape(bytes.data, bytes.len, NULL, 0);
	int error = ipc_buf_reserve(buf, need);

	if (error)
		return error;
	buf->len += ipc_escape(bytes.data, bytes.len, buf->data + buf->len, need + 1);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int ipc_unescape(const char *text, size_t len, struct ipc_buf *out, size_t *bad)
{
	size_t before = out->len;
	int error = ipc_buf_reserve(out, len);

	if (error)
		return error;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\\') {
			if (len - i < 4 || text[i + 1] != 'x' || hex_digit(text[i + 2]) < 0 ||
			    hex_digit(text[i + 3]) < 0) {
				out->len = before;
				out->data[before] = '\0';
				*bad = i;
				return -EINVAL;
			}
			c = (char)(hex_digit(text[i + 2]) << 4 | hex_digit(text[i + 3]));
			i += 3;
		}
		out->data[out->len++] = c;
	}
	out->data[out->len] = '\0';
	return 0;
}

uint64_t ipc_hash(const void *data, size_t len)
{
	const unsigned char *at = data;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 0x100000001b3u;
	/* FNV-1a leaves the high bits of short inputs poor; tables use any of them. */
	hash ^= hash >> 32;
	hash *= 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}
