/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes as base64 (RFC 4648). */
#include "base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One, two or three bytes as four characters. */
static void encode(char *out, const unsigned char *bytes, size_t count)
{
	unsigned bits = (unsigned)bytes[0] << 16;

	if (count > 1)
		bits |= (unsigned)bytes[1] << 8;
	if (count > 2)
		bits |= bytes[2];
	out[0] = digits[bits >> 18];
	out[1] = digits[bits >> 12 & 63];
	out[2] = count > 1 ? digits[bits >> 6 & 63] : '=';
	out[3] = count > 2 ? digits[bits & 63] : '=';
}

void base64_append(struct text *out, const unsigned char *bytes, size_t count)
{
	char *at = text_reserve(out, (count + 2) / 3 * 4);

	for (; count >= 3; count -= 3, bytes += 3, at += 4)
		encode(at, bytes, 3);
	if (count) {
		encode(at, bytes, count);
		at += 4;
	}
	out->len = (size_t)(at - out->data);
}
