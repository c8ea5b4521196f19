/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internet addresses as text. A listing writes two for each of 100,000 connections, so most of them without inet_ntop(). */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/sock_inet.h"
#include "model/bytes.h"

#define GROUPS 8

static char *put_v4(char *at, const unsigned char *address)
{
	int i;

	for (i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = ipc_put_uint(at, address[i]);
	}
	return at;
}

static char *put_group(char *at, unsigned group)
{
	static const char digits[] = "0123456789abcdef";
	int shift;

	for (shift = 12; shift > 0 && !(group >> shift); shift -= 4)
		;
	for (; shift >= 0; shift -= 4)
		*at++ = digits[group >> shift & 0xf];
	return at;
}

/* The longest run of two or more zero groups, the first of several: it is written as "::". */
static int longest_run(const unsigned groups[GROUPS], int *len)
{
	int i, start = 0, best = 0;

	*len = 1;
	for (i = 0; i < GROUPS; i++) {
		if (groups[i])
			start = i + 1;
		else if (i + 1 - start > *len) {
			best = start;
			*len = i + 1 - start;
		}
	}
	return best;
}

static char *put_v6(char *at, const unsigned char *address)
{
	unsigned groups[GROUPS];
	int i, run, len;

	for (i = 0; i < GROUPS; i++)
		groups[i] = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
	run = longest_run(groups, &len);
	for (i = 0; i < GROUPS; i++) {
		if (len > 1 && i == run) {
			*at++ = ':';
			*at++ = ':';
			i += len - 1;
			continue;
		}
		if (i && !(len > 1 && i == run + len))
			*at++ = ':';
		at = put_group(at, groups[i]);
	}
	return at;
}

size_t ipc_inet_format_address(unsigned family, const struct ipc_inet_end *end, char out[INET6_ADDRSTRLEN])
{
	static const unsigned char zero[12], mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const struct ipc_bytes prefix = IPC_BYTES("::ffff:");
	const unsigned char *address = end->address;
	char *at = out;

	if (family == AF_INET) {
		at = put_v4(out, address + 12);
	} else if (memcmp(address, mapped, sizeof(mapped)) == 0) {
		memcpy(out, prefix.data, prefix.len);
		at = put_v4(out + prefix.len, address + 12);
	} else if (memcmp(address, zero, sizeof(zero)) == 0 && (address[12] || address[13])) {
		/* "::1.2.3.4", as the C library likes it. */
		return inet_ntop(AF_INET6, address, out, INET6_ADDRSTRLEN) ? strlen(out) : 0;
	} else {
		at = put_v6(out, address);
	}
	return (size_t)(at - out);
}

struct ipc_bytes ipc_inet_format_end(struct ipc_arena *arena, unsigned family, const struct ipc_inet_end *end,
				     struct ipc_bytes zone)
{
	char text[INET6_ADDRSTRLEN + 128], *at = text;

	if (zone.len > sizeof(text) - INET6_ADDRSTRLEN - sizeof("[%]:65535"))
		zone = IPC_NO_BYTES;
	if (family != AF_INET)
		*at++ = '[';
	at += ipc_inet_format_address(family, end, at);
	if (zone.data) {
		*at++ = '%';
		memcpy(at, zone.data, zone.len);
		at += zone.len;
	}
	if (family != AF_INET)
		*at++ = ']';
	*at++ = ':';
	at = ipc_put_uint(at, end->port);
	return ipc_arena_bytes(arena, text, (size_t)(at - text));
}
