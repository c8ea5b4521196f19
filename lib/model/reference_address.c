// SPDX-License-Identifier: LGPL-2.1-or-later
/* Addresses in references, brought to the one spelling that sockets print. */
#include "model/reference_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "model/units.h"

struct protocol {
	const char *name;
	bool internet;
};

static const struct protocol protocols[] = {
	{"tcp:", true},  {"udp:", true},      {"raw:", true},     {"mptcp:", true},  {"sctp:", true},
	{"dccp:", true}, {"netlink:", false}, {"packet:", false}, {"vsock:", false}, {"xdp:", false},
};

static const struct protocol *find_protocol(struct ipc_bytes text)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (ipc_bytes_starts(text, protocols[i].name))
			return &protocols[i];
	}
	return NULL;
}

bool ipc_socket_address_begins(struct ipc_bytes text)
{
	return find_protocol(text) != NULL;
}

static struct ipc_bytes part(struct ipc_bytes text, size_t from, size_t to)
{
	return (struct ipc_bytes){text.data + from, to - from};
}

/* Offset of @c in @text at or behind @from, or its length. */
static size_t find(struct ipc_bytes text, size_t from, char c)
{
	const char *at = from < text.len ? memchr(text.data + from, c, text.len - from) : NULL;

	return at ? (size_t)(at - text.data) : text.len;
}

/* An internet end point in its pieces; `zone` is an interface, absent when not given. */
struct pieces {
	bool v6;
	struct ipc_bytes address;
	struct ipc_bytes zone;
	struct ipc_bytes port;
};

/* Split "ADDRESS[%ZONE]:PORT"; IPv6 as "[ADDRESS%ZONE]:PORT" or, as ss prints it, "[ADDRESS]%ZONE:PORT". */
static int split_endpoint(struct ipc_bytes text, struct pieces *out)
{
	struct pieces e = {.v6 = ipc_bytes_starts(text, "[")};
	size_t begin = e.v6 ? 1 : 0;
	size_t close = e.v6 ? find(text, 1, ']') : 0;
	size_t colon = find(text, close, ':');
	size_t percent = find(text, begin, '%');

	if (colon == text.len)
		return -EINVAL;
	e.port = part(text, colon + 1, text.len);
	if (percent < colon) {
		size_t end = percent < close ? close : colon;

		/* A bracket in an interface's name would end the address where it is read back. */
		if (percent + 1 >= end || find(text, percent, ']') < end)
			return -EINVAL;
		e.zone = part(text, percent + 1, end);
	} else {
		percent = colon;
	}
	if (e.v6) {
		size_t behind = percent > close ? percent : colon;

		/* Nothing but a zone may stand between the bracket and the port. */
		if (behind != close + 1)
			return -EINVAL;
		e.address = part(text, 1, percent < close ? percent : close);
	} else {
		e.address = part(text, 0, percent);
	}
	*out = e;
	return 0;
}

static int parse_address(const struct pieces *e, unsigned char address[16])
{
	char text[INET6_ADDRSTRLEN];

	if (e->address.len >= sizeof(text) || memchr(e->address.data, '\0', e->address.len))
		return -EINVAL;
	memcpy(text, e->address.data, e->address.len);
	text[e->address.len] = '\0';
	return inet_pton(e->v6 ? AF_INET6 : AF_INET, text, address) == 1 ? 0 : -EINVAL;
}

int ipc_endpoint_parse(struct ipc_bytes text, struct ipc_endpoint *out)
{
	struct ipc_endpoint end = {0};
	struct pieces pieces;
	uint64_t port = 0;
	int error = split_endpoint(text, &pieces);

	if (!error)
		error = parse_address(&pieces, end.address);
	if (error)
		return error;
	end.any_port = ipc_bytes_equal(pieces.port, IPC_BYTES("*"));
	if (!end.any_port && (ipc_parse_uint(pieces.port.data, pieces.port.len, &port) || port > UINT16_MAX))
		return -EINVAL;
	end.v6 = pieces.v6;
	end.zone = pieces.zone;
	end.port = (uint16_t)port;
	*out = end;
	return 0;
}

static int append_endpoint(struct ipc_bytes text, struct ipc_buf *out)
{
	char address[INET6_ADDRSTRLEN];
	struct ipc_endpoint end;
	int error = ipc_endpoint_parse(text, &end);

	if (!error && !inet_ntop(end.v6 ? AF_INET6 : AF_INET, end.address, address, sizeof(address)))
		error = -EINVAL;
	if (error)
		return error;
	if (ipc_buf_format(out, "%s%s%s", end.v6 ? "[" : "", address, end.zone.data ? "%" : "") ||
	    ipc_buf_append(out, end.zone.data, end.zone.len) || ipc_buf_format(out, "%s", end.v6 ? "]" : ""))
		return -ENOMEM;
	return end.any_port ? ipc_buf_format(out, ":*") : ipc_buf_format(out, ":%u", (unsigned)end.port);
}

static int complain(struct ipc_bytes text, struct ipc_buf *why)
{
	static const char hint[] = "'; write numbers, as in sock:tcp:127.0.0.1:80 or sock:tcp:[::1%lo]:80,[::1]:4711";

	if (ipc_buf_format(why, "not an address: '") || ipc_buf_escape(why, text) ||
	    ipc_buf_append(why, hint, sizeof(hint) - 1))
		return -ENOMEM;
	return -EINVAL;
}

/* Where the address of one end ends. An interface name may hold a comma, so inside brackets none is looked for. */
static size_t find_comma(struct ipc_bytes text, size_t local)
{
	return find(text, local < text.len && text.data[local] == '[' ? find(text, local, ']') : local, ',');
}

int ipc_socket_address_ends(struct ipc_bytes text, struct ipc_bytes *local, struct ipc_bytes *peer)
{
	const struct protocol *protocol = find_protocol(text);
	size_t begin, comma;

	if (!protocol || !protocol->internet)
		return -EINVAL;
	begin = strlen(protocol->name);
	comma = find_comma(text, begin);
	*local = part(text, begin, comma);
	*peer = comma < text.len ? part(text, comma + 1, text.len) : IPC_NO_BYTES;
	return 0;
}

int ipc_socket_address_normalise(struct ipc_bytes text, struct ipc_buf *out, struct ipc_buf *why)
{
	const struct protocol *protocol = find_protocol(text);
	size_t local = protocol ? strlen(protocol->name) : 0;
	size_t comma;
	int error;

	if (!protocol || local == text.len)
		return complain(text, why);
	if (!protocol->internet)
		return ipc_buf_append(out, text.data, text.len);
	comma = find_comma(text, local);
	error = ipc_buf_append(out, text.data, local);
	if (!error)
		error = append_endpoint(part(text, local, comma), out);
	if (!error && comma < text.len) {
		error = ipc_buf_append(out, ",", 1);
		if (!error)
			error = append_endpoint(part(text, comma + 1, text.len), out);
	}
	return error == -EINVAL ? complain(text, why) : error;
}

int ipc_parse_address(struct ipc_bytes text, uint64_t *out)
{
	char hex[2 + 32] = "0x";

	if (ipc_bytes_starts(text, "0x") || ipc_bytes_starts(text, "0X"))
		return ipc_parse_hex(text.data, text.len, out);
	if (text.len > sizeof(hex) - 2)
		return -ERANGE;
	memcpy(hex + 2, text.data, text.len);
	return ipc_parse_hex(hex, text.len + 2, out);
}
