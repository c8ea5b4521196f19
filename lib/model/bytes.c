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

int ipc_buf_reserve(struct ipc_buf *buf, size_t more)
{
	size_t room = buf->room ? buf->room : 64;
	char *data;

	/* One byte more than asked for: the terminator. */
	if (more >= SIZE_MAX / 4 - buf->len)
		return -ENOMEM;
	if (buf->len + more + 1 <= buf->room)
		return 0;
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

size_t ipc_escape(const char *data, size_t len, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t need = 0;
	size_t end = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		bool plain = c >= 0x20 && c < 0x7f && c != '\\';
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
